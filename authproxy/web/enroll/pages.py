"""The enrollment page at each stage, as HTML."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from authproxy.secondfactor.enroll_api import Beginning, Closed, Done, Stage, Testing, Waiting, Why
from authproxy.web.enroll.pictures import inline
from authproxy.web.pages.catalogue import catalogue
from authproxy.web.pages.templates import render

STATIC: Final = Path(__file__).parents[1] / "static" / "enroll"
_STATUS: Final = {Why.BAD_LINK: 404, Why.EXPIRED: 410, Why.HAS_DEVICE: 409, Why.DISABLED: 403}
_DAY: Final = 86_400
_PHONE: Final = "phone"
_AUTHENTICATOR: Final = "authenticator"
_WAYS: Final = (_PHONE, _AUTHENTICATOR, "here")


def page(language: str, stage: Stage, here: str, app: str = "") -> tuple[str, int]:
    """And the HTTP status. ``here``: the page's own path. ``app``: ``authenticator`` for what the privacyIDEA
    Authenticator scans, ``here`` for the very browser that shows the page, else what another device scans."""
    match stage:
        case Beginning(username, is_invited):
            begin = f"{here}/begin"
            return _render(language, "begin", username=username, is_invited=is_invited, begin=begin), 200
        case Waiting():
            return _waiting(language, stage, here, app if app in _WAYS else _PHONE), 200
        case Testing(username):
            return _render(language, "testing", username=username, here=here, again=f"{here}/begin"), 200
        case Done(username, is_invited):
            return _render(language, "done", username=username, is_invited=is_invited), 200
        case Closed(why):
            return _render(language, why), _STATUS[why]


def unavailable(language: str) -> tuple[str, int]:
    return _render(language, "unavailable"), 503


def word(stage: Stage) -> str:
    """For the page's script, which loads the page again when it changes."""
    return type(stage).__name__.lower()


def _waiting(language: str, stage: Waiting, here: str, way: str) -> str:
    text = stage.authenticator if way == _AUTHENTICATOR else stage.link
    title = catalogue(language).gettext("QR code that sets up a phone for %(username)s")
    return _render(
        language,
        way,
        username=stage.username,
        link=stage.link,
        here=here,
        span=_span(language, stage.seconds),
        picture=inline(text, title % {"username": stage.username}),
    )


def _span(language: str, seconds: float) -> str:
    texts, days, minutes = catalogue(language), int(seconds // _DAY), max(1, math.ceil(seconds / 60))
    if days:
        return texts.ngettext("%(num)d day", "%(num)d days", days) % {"num": days}
    return texts.ngettext("%(num)d minute", "%(num)d minutes", minutes) % {"num": minutes}


def _render(language: str, name: str, **shown: object) -> str:
    return render(language, f"enroll/{name}.html", **shown)
