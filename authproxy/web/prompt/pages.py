"""The prompt at each stage, as HTML."""

from __future__ import annotations

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


def page(arrival: Arrival, stage: Stage, csrf: str) -> Response:
    prompt = arrival.request.path_params["prompt"]
    match stage:
        case Choosing():
            return _html(arrival, "choose", stage=stage, csrf=csrf)
        case Waiting():
            return _html(arrival, "wait", stage=stage, csrf=csrf)
        case Enrolling():
            return _enrolling(arrival, stage, csrf)
        case Remembering():
            return _html(arrival, "remember", stage=stage, csrf=csrf)
        case Going():
            return _going(arrival, stage, prompt)
        case Closed():
            return _html(arrival, "closed", 403, stage=stage)
        case Gone():
            return trouble(arrival, "gone", 410)


def trouble(arrival: Arrival, name: str, status: int) -> Response:
    """``name``: of a template: bad-request, gone, out-of-date, unavailable."""
    return _html(arrival, name, status)


def _going(arrival: Arrival, stage: Going, prompt: str) -> Response:
    response = RedirectResponse(stage.url, 303 if arrival.changes else 302)
    drop_cookie(response, cookie_name(prompt))
    kept = stage.remembered
    if kept is not None:
        set_cookie(response, kept.name, kept.value, kept.seconds, samesite="lax")
    return response


def _enrolling(arrival: Arrival, stage: Enrolling, csrf: str) -> Response:
    phone = stage.phone
    if not isinstance(phone, enroll_api.Waiting):
        return _html(arrival, "enroll", stage=stage, csrf=csrf)
    is_authenticator = arrival.request.query_params.get("app") == _AUTHENTICATOR
    link = phone.authenticator if is_authenticator else phone.link
    gettext = catalogue(_language(arrival)).gettext
    picture = inline(link, gettext("QR code that sets up a phone"))
    return _html(
        arrival, "enroll-phone", stage=stage, link=link, is_authenticator=is_authenticator, picture=picture
    )


def _html(arrival: Arrival, name: str, status: int = 200, **shown: object) -> Response:
    prompt = arrival.request.path_params.get("prompt", "")
    text = render(_language(arrival), f"prompt/{name}.html", here=prompt_path(prompt), **shown)
    return HTMLResponse(text, status, headers={"Content-Security-Policy": _CONTENT})


def _language(arrival: Arrival) -> str:
    return choose("", arrival.request.headers.get("accept-language", ""))
