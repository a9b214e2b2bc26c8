"""Two who edit the same record at once: the second is told what the first has changed, and saves nothing unseen.

A form carries what was shown to whoever fills it in. When it comes back, that must still be so (the lost update of
RFC 9110 13.1.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from authproxy.model import JsonValue
from authproxy.secondfactor.refusals import BadValue, NotDone


@dataclass(frozen=True, slots=True)
class Difference:
    """``field`` was ``shown`` to whoever edits, and has become ``now``."""

    field: str
    shown: str
    now: str


class ChangedMeanwhile(NotDone):
    """Somebody else was faster. ``page``: where what is there now can be seen; empty: where the form was sent."""

    def __init__(self, differences: Sequence[Difference], page: str = "") -> None:
        super().__init__("somebody else has changed this meanwhile")
        self.differences = differences
        self.page = page


def seal(values: Mapping[str, JsonValue]) -> str:
    """As a form carries them. Whoever fills it in could read them anyway."""
    return json.dumps(dict(values), ensure_ascii=False)


def check_unchanged(sealed: str, now: Mapping[str, JsonValue], page: str = "") -> None:
    """``sealed``: as the form has brought it back. Raises ChangedMeanwhile, BadValue."""
    try:
        shown = json.loads(sealed)
    except (ValueError, RecursionError):
        shown = None
    if not isinstance(shown, dict):
        raise BadValue("the form is damaged; load the page again")
    found = differences(shown, json.loads(seal(now)))
    if found:
        raise ChangedMeanwhile(found, page)


def differences(shown: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> list[Difference]:
    """Field by field."""
    return [
        Difference(name, in_words(shown.get(name)), in_words(now.get(name)))
        for name in {**now, **shown}
        if shown.get(name) != now.get(name)
    ]


def in_words(value: JsonValue) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(in_words, value))
        case dict():
            return ", ".join(f"{key}: {in_words(each)}" for key, each in value.items())
        case _:
            return str(value)
