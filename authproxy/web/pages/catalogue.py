"""The catalogue of texts: English stands in the templates, other languages in ``web/locale/LANGUAGE.po``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel.core import negotiate_locale
from babel.messages.pofile import read_po

FOLDER: Final = Path(__file__).parents[1] / "locale"
ENGLISH: Final = "en"
_MOST_ASKED = 20


def _(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language. What is not translated stays English."""

    language: str
    texts: Mapping[str, str | tuple[str, ...]]

    def gettext(self, text: str) -> str:
        found = self.texts.get(text, text)
        return (found if isinstance(found, str) else found[0]) or text

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Every language here has two forms, and uses the first for exactly one."""
        found = self.texts.get(one)
        forms = found if isinstance(found, tuple) and all(found) else (one, many)
        return forms[0] if count == 1 else forms[1]


@cache
def languages() -> tuple[str, ...]:
    return (ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po")))


@cache
def catalogue(language: str) -> Catalogue:
    """``language``: one of :func:`languages`."""
    if language == ENGLISH:
        return Catalogue(ENGLISH, {})
    with (FOLDER / f"{language}.po").open("rb") as file:
        read = read_po(file, locale=language)
    texts: dict[str, str | tuple[str, ...]] = {}
    for message in read:
        if message.id and not message.fuzzy:
            key = message.id if isinstance(message.id, str) else message.id[0]
            texts[key] = message.string if isinstance(message.string, str) else tuple(message.string or ())
    return Catalogue(language, texts)


def choose(chosen: str, accept_language: str) -> str:
    """``chosen`` by the reader, if it is one of ours; else what the browser likes best (RFC 9110 12.5.4)."""
    if chosen in languages():
        return chosen
    ranked: list[tuple[float, str]] = []
    for part in accept_language.split(",")[:_MOST_ASKED]:
        name, _, weight = part.partition(";q=")
        try:
            ranked.append((-float(weight or 1), name.strip().replace("-", "_")))
        except ValueError:
            continue
    asked = [name for _, name in sorted(ranked, key=lambda pair: pair[0]) if name]
    return negotiate_locale(asked, languages()) or ENGLISH
