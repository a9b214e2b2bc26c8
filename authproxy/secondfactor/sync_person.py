"""A person of a directory as a user can be: every value checked, and what can't be used told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roster import Entry, Unusable
from authproxy.secondfactor.users import checked_email, checked_name

TEXTS: Final = ("email", "realname", "firstname", "lastname", "notes")
_LONGEST_TEXT: Final = 1000
_MOST_PHONES, _MOST_ALIASES = 8, 8


@dataclass(frozen=True, slots=True)
class Number:
    """E.164, extension, and the type of phone."""

    number: str
    extension: str = ""
    type: str = field(default="mobile", compare=False)


@dataclass(frozen=True, slots=True)
class Person:
    """``texts``: what is to stand in the columns of :data:`TEXTS`. ``numbers`` and ``aliases`` are None where the
    directory has no say. ``groups``: keys."""

    key: str
    username: str
    display_name: str
    texts: Mapping[str, str]
    numbers: tuple[Number, ...] | None
    aliases: tuple[str, ...] | None
    groups: frozenset[str]
    oddities: tuple[str, ...] = ()


def person_of(entry: Entry, directory: Directory, mode: str) -> Person | Unusable:
    """``mode``: ``username_normalization``."""
    names = entry.values.get("username", ())
    if not names:
        return Unusable(entry.dn, f"it has no {directory.attribute_of('username')}")
    try:
        username = checked_name(names[0], mode)
    except BadValue as error:
        return Unusable(entry.dn, str(error))
    oddities = list(entry.oddities)
    texts = {
        name: _text(name, entry.values.get(name, ()), oddities) for name in TEXTS if directory.attribute_of(name)
    }
    numbers = aliases = None
    if directory.attribute_of("phone"):
        numbers = _numbers(entry.values.get("phone", ()), directory.region, oddities)
    if directory.attribute_of("aliases"):
        aliases = _aliases(entry.values.get("aliases", ()), username, mode, oddities)
    return Person(
        entry.key,
        username,
        names[0].strip(),
        texts,
        numbers,
        aliases,
        frozenset(entry.groups),
        tuple(f"{names[0]}: {oddity}" for oddity in oddities),
    )


def _text(name: str, values: tuple[str, ...], oddities: list[str]) -> str:
    if not values:
        return ""
    text = values[0] if name == "notes" else " ".join(values[0].split())
    if len(text) > _LONGEST_TEXT or not all(char.isprintable() or char in "\n\t" for char in text):
        oddities.append(f"{name} is too long, or has characters that can't be shown")
        return ""
    if name == "email":
        try:
            return checked_email(text)
        except BadValue as error:
            oddities.append(str(error))
            return ""
    return text


def _aliases(values: tuple[str, ...], username: str, mode: str, oddities: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for value in values:
        try:
            name = checked_name(value, mode)
        except BadValue as error:
            oddities.append(f"alias: {error}")
            continue
        if name != username:
            found[name] = None
    if len(found) > _MOST_ALIASES:
        oddities.append(f"{len(found)} aliases, of which {_MOST_ALIASES} are taken")
    return tuple(found)[:_MOST_ALIASES]


def _numbers(values: tuple[str, ...], region: str, oddities: list[str]) -> tuple[Number, ...]:
    found: dict[Number, None] = {}
    for value in values:
        number = number_of(value, region)
        if number is None:
            needs = "" if region else " without a country"
            oddities.append(f"{value[:40]!r} is no telephone number{needs}")
        else:
            found[number] = None
    return tuple(found)[:_MOST_PHONES]


def number_of(text: str, region: str) -> Number | None:
    """``region``: whose numbers need no country code. None: there can be no such number."""
    import phonenumbers as library  # takes time and memory that logins needn't

    try:
        parsed = library.parse(text, region or None)
    except library.NumberParseException:
        return None
    if library.is_possible_number_with_reason(parsed) != library.ValidationResult.IS_POSSIBLE:
        return None
    is_landline = library.number_type(parsed) == library.PhoneNumberType.FIXED_LINE
    number = str(library.format_number(parsed, library.PhoneNumberFormat.E164))
    return Number(number, parsed.extension or "", "landline" if is_landline else "mobile")
