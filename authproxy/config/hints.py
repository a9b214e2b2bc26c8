"""Guesses at what somebody meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from authproxy.config.schema import SectionType, Shape, section_base
from authproxy.config.sections import SECTION_TYPES

_INLINE_COMMENT = re.compile(r"(?:^|\s)[#;](?=\s|\w|$).*", re.DOTALL)
_LONGEST_GUESS = 64


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``word`` is probably a misspelling of."""
    if len(word) > _LONGEST_GUESS:
        return None
    found = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.72)
    return found[0] if found else None


def did_you_mean(guess: str | None) -> str:
    return f"; did you mean {guess}?" if guess else ""


def closest_key(key: str, section: SectionType) -> str | None:
    """Among the section's keys; a number at the end is kept."""
    base, underscore, number = key.rpartition("_")
    if not (underscore and number.isascii() and number.isdigit()):
        base, number = key, ""
    found = closest(base, section.bases)
    if found is None:
        return None
    option, form = section.bases[found]
    if option.shape is Shape.NUMBERED:
        return option.key(int(number[:6] or 1), form)
    return option.key(int(number[:6]) if option.shape is Shape.FAILOVER and number else 1, form)


def closest_section(name: str) -> str | None:
    base = section_base(name)
    found = closest(base, SECTION_TYPES)
    if found and SECTION_TYPES[found].repeatable:
        return found + name[len(base) :]
    return found


def homes(key: str, but: SectionType) -> list[str]:
    """The other types of section that know ``key``."""
    return [name for name, section in SECTION_TYPES.items() if section is not but and section.resolve(key)]


def without_inline_comment(value: str) -> str | None:
    """The value before what looks like a comment; None if nothing does. ``#`` alone may be a phone's key."""
    if len(value) == 1:
        return None
    match = _INLINE_COMMENT.search(value)
    return value[: match.start()].rstrip() if match else None


def is_quoted(value: str) -> bool:
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"


def invisible_character(value: str) -> str | None:
    """The first character that can't be seen, as ``U+200B``."""
    for char in value:
        if not char.isprintable() or (char.isspace() and char != " "):
            return f"U+{ord(char):04X}"
    return None
