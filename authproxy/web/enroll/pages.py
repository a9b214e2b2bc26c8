"""The enrollment page at each stage, as HTML."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from authproxy.secondfactor.enroll_api import Beginning, Closed, Done, Stage, Testing, Waiting, Why
from authproxy.web.enroll.pictures import inline

STATIC: Final = Path(__file__).parents[1] / "static" / "enroll"
_FOLDER: Final = Path(__file__).parents[1] / "templates" / "enroll"
_STATUS: Final = {Why.BAD_LINK: 404, Why.EXPIRED: 410, Why.HAS_DEVICE: 409, Why.DISABLED: 403}
_DAY: Final = 86_400
_PHONE: Final = "phone"
_AUTHENTICATOR: Final = "authenticator"
_WAYS: Final = (_PHONE, _AUTHENTICATOR, "here")


def page(stage: Stage, here: str, app: str = "") -> tuple[str, int]:
    """And the HTTP status. ``here``: the page's own path. ``app``: ``authenticator`` for what the privacyIDEA
    Authenticator scans, ``here`` for the very browser that shows the page, else what another device scans."""
    match stage:
        case Beginning(username, is_invited):
            return _render("begin", username=username, is_invited=is_invited, begin=f"{here}/begin"), 200
        case Waiting():
            return _waiting(stage, here, app if app in _WAYS else _PHONE), 200
        case Testing(username):
            return _render("testing", username=username, here=here, again=f"{here}/begin"), 200
        case Done(username, is_invited):
            return _render("done", username=username, is_invited=is_invited), 200
        case Closed(why):
            return _render(why), _STATUS[why]


def unavailable() -> tuple[str, int]:
    return _render("unavailable"), 503


def word(stage: Stage) -> str:
    """For the page's script, which loads the page again when it changes."""
    return type(stage).__name__.lower()


def _waiting(stage: Waiting, here: str, way: str) -> str:
    text = stage.authenticator if way == _AUTHENTICATOR else stage.link
    return _render(
        way,
        username=stage.username,
        link=stage.link,
        here=here,
        span=_span(stage.seconds),
        picture=inline(text, f"QR code that sets up a phone for {stage.username}"),
    )


def _span(seconds: float) -> str:
    days, minutes = int(seconds // _DAY), max(1, math.ceil(seconds / 60))
    count, unit = (days, "day") if days else (minutes, "minute")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _render(name: str, **shown: object) -> str:
    return _templates().get_template(f"{name}.html").render(shown)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
