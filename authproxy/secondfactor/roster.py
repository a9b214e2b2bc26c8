"""What a directory says of its people, in words of its own: who reads it and who stores it share them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from authproxy.errors import AuthproxyError
from authproxy.model import JsonValue


class DirectoryProblem(AuthproxyError):
    """The directory can't be reached, refuses, or says what can't be used; nothing is known of its people then."""


NOBODY: Final = (
    "the directory shows nobody: look at where people are to be, at groups and filter, and at what the service "
    "account may read"
)


class Kind(StrEnum):
    """``OPENLDAP`` stands for every directory with ``entryUUID`` and ``modifyTimestamp`` (RFC 4530, RFC 4512)."""

    ACTIVE_DIRECTORY = "active directory"
    OPENLDAP = "openldap"


FIELDS: Final = ("username", "email", "realname", "firstname", "lastname", "phone", "notes", "aliases")
"""What can be taken from a directory. ``phone`` and ``aliases`` may have several attributes."""

DEFAULT_ATTRIBUTES: Final[Mapping[Kind, Mapping[str, str]]] = MappingProxyType(
    {
        Kind.ACTIVE_DIRECTORY: {
            "username": "sAMAccountName",
            "email": "mail",
            "realname": "displayName",
            "firstname": "givenName",
            "lastname": "sn",
        },
        Kind.OPENLDAP: {
            "username": "uid",
            "email": "mail",
            "realname": "cn",
            "firstname": "givenName",
            "lastname": "sn",
        },
    }
)

Cursor = Mapping[str, JsonValue]
"""Up to where the directory has been read. Whoever reads it made it; empty: nothing yet."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which people are meant. ``base_dn`` empty: where the ``[ad_client]`` section looks; ``group_dns`` empty:
    everybody there. ``attributes``: of each field, in order of preference."""

    kind: Kind
    base_dn: str = ""
    group_dns: tuple[str, ...] = ()
    filter: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RosterGroup:
    """A chosen group. ``key`` stays when it is renamed."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A person. ``key``: objectGUID or entryUUID, as text. ``values``: the texts of every field that has an
    attribute. ``groups``: keys of the chosen groups the person is in, through others as well. ``is_active`` False:
    disabled over there, or in no chosen group. ``oddities``: what could not be read."""

    key: str
    dn: str
    values: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...] = ()
    is_active: bool = True
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unusable:
    """An entry that can't become a user."""

    dn: str
    problem: str


@dataclass(frozen=True, slots=True)
class Reading:
    """``entries`` are read as they are asked for, which raises DirectoryProblem. ``is_full``: whoever is not among
    them is not there. ``cursor`` is known when they are at their end."""

    groups: tuple[RosterGroup, ...]
    entries: Iterator[Entry | Unusable]
    is_full: bool
    cursor: Callable[[], Cursor]


class Roster(Protocol):
    """A directory that is connected to. Every method blocks, and raises DirectoryProblem."""

    def read(self, source: Source, cursor: Cursor) -> Reading:
        """Everybody without a ``cursor``, or when it says nothing here: else who has changed since."""
        ...

    def find(self, source: Source, username: str, key: str) -> Reading:
        """One person, by ``key`` unless that is empty."""
        ...


OpensRoster = Callable[[str], AbstractContextManager[Roster]]
"""Connects as an ``[ad_client]`` section says. Raises DirectoryProblem."""
