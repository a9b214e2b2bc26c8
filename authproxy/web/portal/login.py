"""Coming into the portal: with the password of the directory, or from an application's prompt; then through the
prompt, and back with its code."""

from __future__ import annotations

import hmac
from typing import Final

from starlette.responses import RedirectResponse, Response
from twisted.logger import Logger

from authproxy.errors import PrimaryUnavailable
from authproxy.secondfactor.portal_sessions import COOKIE, SECONDS
from authproxy.secondfactor.prompt_stages import Browser
from authproxy.secondfactor.sessions import Opened, find_session
from authproxy.web.pages.cookies import drop_cookie, set_cookie
from authproxy.web.portal.visit import PortalVisit
from authproxy.web.prompt.rooms import cookie_name, prompt_id, prompt_path
from authproxy.web.source import bucket

_STATE: Final = "__Host-portal-state"
_STATE_SECONDS: Final = 900
_PROMPT_SECONDS: Final = 900
_LONGEST: Final = 500

_log = Logger()


async def show(visit: PortalVisit) -> Response:
    return _form(visit) if visit.user is None else visit.home()


async def login(visit: PortalVisit) -> Response:
    username, password = visit.form.get("username"), visit.form.raw("password").encode()
    if not visit.rooms.attempts.take(bucket(visit.address)):
        return _form(visit, 429, visit.gettext("Too many attempts. Wait a minute and try again."))
    if len(username) > _LONGEST or len(password) > _LONGEST:
        return _form(visit, 403, _wrong(visit))
    try:
        name = await visit.rooms.login.check(username, password, visit.address)
    except PrimaryUnavailable as error:
        _log.error("portal: {problem}", problem=str(error))
        return _form(visit, 503, visit.gettext("The directory does not answer. Try again later."))
    if name is None:
        _log.info("portal: wrong password for {name!r} from {address}", name=username, address=visit.address)
        return _form(visit, 403, _wrong(visit))
    visit.rooms.attempts.give_back(bucket(visit.address))
    return _prompted(*await visit.rooms.login.prompt(name, _browser(visit)))


async def from_prompt(visit: PortalVisit) -> Response:
    """An application's prompt is open in this browser: its user gives the second factor for the portal first."""
    cookie = visit.request.cookies.get(cookie_name(visit.request.path_params["prompt"]), "")
    now = visit.rooms.now()
    session = await visit.read(lambda connection: find_session(connection, "prompt", cookie, now, _PROMPT_SECONDS))
    led = await visit.rooms.login.from_prompt(session, _browser(visit)) if session is not None else None
    return visit.home() if led is None else _prompted(*led)


async def callback(visit: PortalVisit) -> Response:
    query = visit.request.query_params
    state = visit.request.cookies.get(_STATE, "")
    if not state or not hmac.compare_digest(state.encode(), query.get("state", "").encode()):
        return visit.home()
    opened = await visit.rooms.login.enter(query.get("code", ""), _browser(visit))
    response = visit.home()
    drop_cookie(response, _STATE)
    if opened is not None:
        set_cookie(response, COOKIE, opened.cookie, int(SECONDS))
    return response


def _prompted(opened: Opened, state: str) -> Response:
    prompt = prompt_id(opened.cookie)
    response = RedirectResponse(prompt_path(prompt), 303)
    set_cookie(response, cookie_name(prompt), opened.cookie, _PROMPT_SECONDS, samesite="lax")
    set_cookie(response, _STATE, state, _STATE_SECONDS)
    return response


def _form(visit: PortalVisit, status: int = 200, problem: str = "") -> Response:
    return visit.render(
        "portal/login.html",
        status,
        problem=problem,
        takes_passwords=visit.rooms.login.takes_passwords,
        username=visit.form.get("username")[:_LONGEST],
    )


def _wrong(visit: PortalVisit) -> str:
    return visit.gettext("User name or password is wrong.")


def _browser(visit: PortalVisit) -> Browser:
    return Browser(visit.address, visit.request.headers.get("user-agent", ""), visit.request.cookies)
