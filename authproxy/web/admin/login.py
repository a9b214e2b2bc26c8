"""Logging in to the panel, and showing password and factor once more before what is dangerous.

Whatever was wrong, the page says the same, and takes as long.
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from starlette.responses import JSONResponse, Response

from authproxy.model import JsonValue
from authproxy.secondfactor import admin_login, admin_passwords, sessions
from authproxy.secondfactor.admin_login import Place, Proof
from authproxy.secondfactor.lockout import LockoutRule
from authproxy.secondfactor.security_keys import Owner, admin_owner, keys_of
from authproxy.secondfactor.sessions import Opened, Session
from authproxy.secondfactor.webauthn import Proven
from authproxy.web.admin.door import CONFIRM, COOKIE, LOGIN
from authproxy.web.admin.page import Entry, Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages import cookies
from authproxy.web.source import bucket

HOME: Final = "/admin/"
FACTOR: Final = f"{LOGIN}/factor"


# ---------------------------------------------------------------- password


async def ask_password(visit: Visit) -> Response:
    if visit.is_in:
        return visit.go(_next(visit.query.get("next", "")))
    return _password_page(visit, visit.query.get("next", ""))


async def take_password(visit: Visit) -> Response:
    next_ = visit.form.get("next")
    if not may_try(visit):
        return _password_page(visit, next_, 429, _too_often(visit))
    email = visit.form.get("email")
    is_right = await _is_right(visit, email)
    rule, place = rule_of(visit), place_of(visit)
    opened = await visit.change(lambda c: admin_login.try_password(c, rule, email, is_right, place))
    if opened is None:
        wrong = visit.gettext("That is not a mail address and password with which you can log in.")
        return _password_page(visit, next_, 401, wrong)
    visit.rooms.attempts.give_back(bucket(visit.address))
    return _entered(visit.go(f"{FACTOR}?next={quote(_next(next_), safe='')}"), opened)


def _password_page(visit: Visit, next_: str, status: int = 200, problem: str = "") -> Response:
    return visit.render("admin/login/password.html", status, next=_next(next_), problem=problem)


async def _is_right(visit: Visit, email: str) -> bool:
    """Whether the form's password is that administrator's."""
    password = visit.form.raw("password")
    stored = await visit.rooms.office.glance(lambda connection: admin_passwords.stored_password(connection, email))
    return await visit.rooms.office.aside(lambda: admin_passwords.is_right(stored, password))


# ---------------------------------------------------------------- second factor


async def ask_factor(visit: Visit) -> Response:
    if visit.is_in:
        return visit.go(_next(visit.query.get("next", "")))
    return await _factor_page(visit, visit.query.get("next", ""))


async def take_code(visit: Visit) -> Response:
    code = visit.form.get("code")
    proof = admin_login.proof_by_code(visit.rooms.seeds, visit.admin, code, visit.rooms.now())
    return await _try_factor(visit, proof)


async def take_key(visit: Visit) -> Response:
    return await _try_factor(visit, proof_by_key(visit))


async def _try_factor(visit: Visit, proof: Proof) -> Response:
    """Not for who is in: a new session without a password would count as confirmed."""
    next_ = visit.form.get("next")
    if visit.is_in:
        return visit.go(_next(next_))
    if not may_try(visit):
        return await _factor_page(visit, next_, 429, _too_often(visit))
    rule, place, session = rule_of(visit), place_of(visit), session_of(visit)
    opened = await visit.change(lambda c: admin_login.try_factor(c, rule, session, proof, place))
    if opened is None:
        return await _factor_page(visit, next_, 401, visit.gettext("That was not right. Try again."))
    visit.rooms.attempts.give_back(bucket(visit.address))
    return _entered(visit.go(_next(next_)), opened)


async def _factor_page(visit: Visit, next_: str, status: int = 200, problem: str = "") -> Response:
    keys = await visit.read(lambda connection: len(keys_of(connection, owner_of(visit))))
    return visit.render("admin/login/factor.html", status, next=_next(next_), problem=problem, keys=keys)


async def begin_key(visit: Visit) -> Response:
    """What the browser asks the security key."""
    owner, session = owner_of(visit), session_of(visit)
    options = await visit.change(lambda c: visit.rooms.keys.begin_authentication(c, owner, session.id))
    return JSONResponse(options)


# ---------------------------------------------------------------- once more


async def ask_again(visit: Visit) -> Response:
    return await _confirm_page(visit, visit.query.get("next", ""))


async def confirm_by_code(visit: Visit) -> Response:
    code = visit.form.get("code")
    return await _confirm(
        visit, admin_login.proof_by_code(visit.rooms.seeds, visit.admin, code, visit.rooms.now())
    )


async def confirm_by_key(visit: Visit) -> Response:
    return await _confirm(visit, proof_by_key(visit))


async def _confirm(visit: Visit, proof: Proof) -> Response:
    next_ = visit.form.get("next")
    if not may_try(visit):
        return await _confirm_page(visit, next_, 429, _too_often(visit))
    is_right = await _is_right(visit, visit.admin.email)
    rule, place, session = rule_of(visit), place_of(visit), session_of(visit)
    if not await visit.change(lambda c: admin_login.confirm(c, rule, session, is_right, proof, place)):
        return await _confirm_page(visit, next_, 401, visit.gettext("That was not right. Try again."))
    visit.rooms.attempts.give_back(bucket(visit.address))
    return visit.go(_next(next_))


async def _confirm_page(visit: Visit, next_: str, status: int = 200, problem: str = "") -> Response:
    keys = await visit.read(lambda connection: len(keys_of(connection, owner_of(visit))))
    return visit.render("admin/login/confirm.html", status, next=_next(next_), problem=problem, keys=keys)


# ---------------------------------------------------------------- the end


async def log_out(visit: Visit) -> Response:
    session = session_of(visit)

    def work(connection: sa.Connection) -> None:
        sessions.end_session(connection, session)
        visit.note(connection, "admin logout", visit.admin.email)

    await visit.change(work)
    response = visit.go(LOGIN, visit.gettext("You are logged out."))
    cookies.drop_cookie(response, COOKIE)
    return response


# ---------------------------------------------------------------- shared with activation and account


def may_try(visit: Visit) -> bool:
    """Whether this address has not tried too often of late."""
    return visit.rooms.attempts.take(bucket(visit.address))


def place_of(visit: Visit) -> Place:
    return Place(visit.address, visit.request.headers.get("user-agent", ""), visit.rooms.now())


def rule_of(visit: Visit) -> LockoutRule:
    settings = visit.rooms.settings
    return LockoutRule(settings.lockout_after, settings.lockout_seconds)


def owner_of(visit: Visit) -> Owner:
    """Of security keys."""
    return admin_owner(visit.admin.id, visit.admin.email, visit.admin.name)


def session_of(visit: Visit) -> Session:
    assert visit.session is not None
    return visit.session


def credential_of(visit: Visit) -> JsonValue:
    """What the browser's security key said."""
    try:
        said: JsonValue = json.loads(visit.form.raw("credential"))
    except (ValueError, RecursionError):
        return None
    return said


def proof_by_key(visit: Visit) -> Proof:
    answer, owner, session = credential_of(visit), owner_of(visit), session_of(visit)

    def proof(connection: sa.Connection) -> str:
        keys = visit.rooms.keys
        found = keys.finish_authentication(connection, owner, session.id, answer, visit.address)
        return "security key" if isinstance(found, Proven) else ""

    return proof


def _too_often(visit: Visit) -> str:
    return visit.gettext("Too many attempts from your address. Wait a moment.")


def _entered(response: Response, opened: Opened) -> Response:
    cookies.set_cookie(response, COOKIE, opened.cookie)
    return response


def _next(wanted: str) -> str:
    """A page of the panel, whatever was wanted."""
    try:
        to = urlsplit(wanted)
    except ValueError:  # as of //[
        return HOME
    is_ours = not to.scheme and not to.netloc and to.path.startswith(HOME) and not to.path.startswith(LOGIN)
    return wanted if is_ours and "\\" not in wanted and wanted.isprintable() else HOME


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", LOGIN, Entry.ANYBODY, ask_password),
    Page("POST", LOGIN, Entry.ANYBODY, take_password),
    Page("GET", FACTOR, Entry.HALFWAY, ask_factor),
    Page("POST", FACTOR, Entry.HALFWAY, take_code),
    Page("POST", f"{LOGIN}/key", Entry.HALFWAY, take_key),
    Page("POST", f"{LOGIN}/key/begin", Entry.HALFWAY, begin_key),
    Page("GET", CONFIRM, Entry.ADMINISTRATOR, ask_again),
    Page("POST", CONFIRM, Entry.ADMINISTRATOR, confirm_by_code),
    Page("POST", f"{CONFIRM}/key", Entry.ADMINISTRATOR, confirm_by_key),
    Page("POST", f"{CONFIRM}/key/begin", Entry.ADMINISTRATOR, begin_key),
    Page("POST", "/admin/logout", Entry.HALFWAY, log_out),
)
