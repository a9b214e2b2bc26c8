"""The prompt at each stage, as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from authproxy.secondfactor import enroll_api
from authproxy.secondfactor.prompt_stages import (
    Choosing,
    Closed,
    Enrolling,
    Going,
    Gone,
    Remembering,
    Stage,
    Waiting,
)
from authproxy.web.enroll.pictures import inline
from authproxy.web.headers import CONTENT
from authproxy.web.pages.catalogue import catalogue, choose
from authproxy.web.pages.cookies import drop_cookie, set_cookie
from authproxy.web.pages.entrance import Arrival
from authproxy.web.pages.templates import render
from authproxy.web.prompt.rooms import cookie_name, prompt_path

# Browsers hold where a form's answer leads to against form-action, and applications lead on to other hosts.
_CONTENT: Final = CONTENT.replace("form-action 'self'", "form-action 'self' https: http://localhost:*")
assert _CONTENT != CONTENT
_AUTHENTICATOR: Final = "authenticator"


def page(arrival: Arrival, stage: Stage, csrf: str, chosen: str) -> Response:
    """``chosen``: the account's language; empty: the browser's."""
    show = Shown(arrival, choose(chosen, arrival.request.headers.get("accept-language", "")))
    match stage:
        case Choosing():
            return show.html("choose", stage=stage, csrf=csrf)
        case Waiting():
            return show.html("wait", stage=stage, csrf=csrf)
        case Enrolling():
            return _enrolling(show, stage, csrf)
        case Remembering():
            return show.html("remember", stage=stage, csrf=csrf)
        case Going():
            return _going(arrival, stage)
        case Closed():
            return show.html("closed", 403, stage=stage)
        case Gone():
            return show.html("gone", 410)


def trouble(arrival: Arrival, name: str, status: int) -> Response:
    """``name``: of a template: bad-request, gone, out-of-date, unavailable. In the browser's language: nobody is
    known here."""
    return Shown(arrival, choose("", arrival.request.headers.get("accept-language", ""))).html(name, status)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page needs besides its own."""

    arrival: Arrival
    language: str

    def html(self, name: str, status: int = 200, **shown: object) -> Response:
        prompt = self.arrival.request.path_params.get("prompt", "")
        text = render(self.language, f"prompt/{name}.html", here=prompt_path(prompt), **shown)
        return HTMLResponse(text, status, headers={"Content-Security-Policy": _CONTENT})


def _going(arrival: Arrival, stage: Going) -> Response:
    response = RedirectResponse(stage.url, 303 if arrival.changes else 302)
    drop_cookie(response, cookie_name(arrival.request.path_params["prompt"]))
    kept = stage.remembered
    if kept is not None:
        set_cookie(response, kept.name, kept.value, kept.seconds, samesite="lax")
    return response


def _enrolling(show: Shown, stage: Enrolling, csrf: str) -> Response:
    phone = stage.phone
    if isinstance(phone, enroll_api.Testing):
        return show.html("enroll-test", stage=stage, csrf=csrf)
    if not isinstance(phone, enroll_api.Waiting):
        return show.html("enroll", stage=stage, csrf=csrf)
    is_authenticator = show.arrival.request.query_params.get("app") == _AUTHENTICATOR
    link = phone.authenticator if is_authenticator else phone.link
    picture = inline(link, catalogue(show.language).gettext("QR code that sets up a phone"))
    return show.html("enroll-phone", stage=stage, link=link, is_authenticator=is_authenticator, picture=picture)
