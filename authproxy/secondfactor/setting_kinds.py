"""What a setting's value may be, as an administrator writes it in a form, a command or a request. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol
from zoneinfo import available_timezones

from authproxy.secondfactor.refusals import BadValue

Value = str | int | float | bool
_YES: Final = ("1", "true", "yes", "on")
_NO: Final = ("0", "false", "no", "off", "")
_ADDRESS: Final = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")


class Kind(Protocol):
    """``wanted``: the values it takes, in words."""

    @property
    def wanted(self) -> str: ...

    def read(self, given: object) -> Value:
        """Raises BadValue, which says only what was wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; ``also``: single values outside of them."""

    low: int
    high: int
    also: tuple[int, ...] = ()

    @property
    def wanted(self) -> str:
        return " or ".join([*map(str, self.also), f"{self.low} to {self.high}"])

    def read(self, given: object) -> Value:
        try:
            number = int(str(int(given) if isinstance(given, bool) else given).strip())
        except ValueError:
            raise BadValue(self.wanted) from None
        if not self.low <= number <= self.high and number not in self.also:
            raise BadValue(self.wanted)
        return number


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that may have a fraction, from 0."""

    high: float = 1e9

    @property
    def wanted(self) -> str:
        return f"a number from 0 to {self.high:g}"

    def read(self, given: object) -> Value:
        try:
            number = float(str(given).strip())
        except ValueError:
            raise BadValue(self.wanted) from None
        if not 0 <= number <= self.high:  # which no NaN is, either
            raise BadValue(self.wanted)
        return number


@dataclass(frozen=True, slots=True)
class Flag:
    """APIs send 1 and 0, forms on and nothing."""

    wanted: str = "true or false"

    def read(self, given: object) -> Value:
        word = str(given).strip().lower()
        if word in _YES or word in _NO:
            return word in _YES
        raise BadValue(self.wanted)


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few, in any case."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return ", ".join(self.words)

    def read(self, given: object) -> Value:
        word = str(given).strip().casefold()
        found = next((each for each in self.words if each.casefold() == word), None)
        if found is None:
            raise BadValue(self.wanted)
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """Text, of one line unless ``has_lines``."""

    longest: int
    has_lines: bool = False

    @property
    def wanted(self) -> str:
        return f"at most {self.longest} characters{'' if self.has_lines else ' on one line'}"

    def read(self, given: object) -> Value:
        text = str(given).replace("\r\n", "\n").strip()
        seen = text.replace("\n", "") if self.has_lines else text
        if len(text) > self.longest or not seen.isprintable():
            raise BadValue(self.wanted)
        return text


@dataclass(frozen=True, slots=True)
class Mails:
    """Mail addresses, separated by commas; none will do."""

    longest: int = 1000
    wanted: str = "mail addresses, separated by commas"

    def read(self, given: object) -> Value:
        addresses = [part.strip() for part in str(given).split(",") if part.strip()]
        text = ", ".join(addresses)
        if len(text) > self.longest or not text.isprintable():
            raise BadValue(self.wanted)
        if not all(_ADDRESS.fullmatch(address) for address in addresses):
            raise BadValue(self.wanted)
        return text


@dataclass(frozen=True, slots=True)
class Zone:
    """A name of the time zone database."""

    wanted: str = "the name of a time zone, as in UTC or Europe/Berlin"

    def read(self, given: object) -> Value:
        name = str(given).strip()
        if name != "UTC" and name not in available_timezones():
            raise BadValue(self.wanted)
        return name
