"""Values of policies that are lists: factors, networks, countries. As typed, or as kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, Protocol

from authproxy.model import JsonValue
from authproxy.secondfactor.refusals import BadValue

_MOST: Final = 500
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
ACTIONS: Final = ("none", "allow", "require", "deny")


class PolicyKind(Protocol):
    @property
    def wanted(self) -> str: ...

    def read(self, given: object) -> JsonValue:
        """Raises BadValue, which says only what was wanted."""
        ...


def _parts(given: object) -> list[str]:
    """A list, or words with commas, spaces or line ends between them."""
    words: Iterable[object] = given if isinstance(given, list | tuple) else re.split(r"[\s,]+", str(given))
    return [text for text in (str(word).strip() for word in words) if text]


@dataclass(frozen=True, slots=True)
class Words:
    """Some of ``words``, at least one; kept in their order here."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return f"some of {', '.join(self.words)}"

    def read(self, given: object) -> JsonValue:
        found = {word.casefold().replace("-", "_").replace(" ", "_") for word in _parts(given)}
        if not found or not found <= set(self.words):
            raise BadValue(self.wanted)
        return [word for word in self.words if word in found]


@dataclass(frozen=True, slots=True)
class Networks:
    """IP networks and addresses."""

    wanted: str = f"at most {_MOST} networks, as 192.0.2.0/24 or 2001:db8::/32"

    def read(self, given: object) -> JsonValue:
        parts = _parts(given)
        if len(parts) > _MOST:
            raise BadValue(self.wanted)
        try:
            return [str(ip_network(part)) for part in parts]
        except ValueError as error:
            raise BadValue(f"{self.wanted} ({error})") from None


@dataclass(frozen=True, slots=True)
class Countries:
    """What is done by country, by the two letters of ISO 3166-1: ``DE=none, KP=deny``."""

    wanted: str = f"countries as DE=none or KP=deny; actions are {', '.join(ACTIONS)}"

    def read(self, given: object) -> JsonValue:
        if isinstance(given, Mapping):
            pairs = [(str(country), str(action)) for country, action in given.items()]
        else:
            pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in _parts(given)]
        found: dict[str, JsonValue] = {}
        for country, action in pairs:
            code, what = country.strip().upper(), action.strip().lower()
            if not _COUNTRY.fullmatch(code) or what not in ACTIONS or found.get(code, what) != what:
                raise BadValue(self.wanted)
            found[code] = what
        return dict(sorted(found.items()))
