"""Templates under ``web/templates``: escaped, strict about names, one environment for each language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from authproxy.web.pages.catalogue import catalogue

FOLDER: Final = Path(__file__).parents[1] / "templates"


def render(language: str, name: str, /, **shown: object) -> str:
    """``name``: a path below ``web/templates``."""
    return environment(language).get_template(name).render(language=language, **shown)


@cache
def environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = catalogue(language)
    made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals["_"] = _telling(texts.gettext)
    made.filters["moment"] = moment
    made.filters["day"] = day
    made.filters["iso"] = iso
    return made


def _telling(gettext: Callable[[str], str]) -> Callable[..., Markup]:
    """``_`` of templates. What it is given may be a word out of the database: that is escaped as all else is; the
    extension's own function takes every text for markup."""

    def tell(text: str, /, **shown: object) -> Markup:
        told = escape(gettext(text))
        return told % shown if shown else told

    return tell


def moment(seconds: float | None) -> str:
    """Epoch seconds as people read them, in UTC; empty for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def iso(seconds: float | None) -> str:
    """For ``<time datetime>``."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
