"""Whom a directory has shown, and who of its users is not there any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.roster import Entry
from authproxy.secondfactor.sync_known import count_listed, those_who_left
from authproxy.secondfactor.sync_order import Refused
from authproxy.secondfactor.sync_plan import shrinks_too_much


@dataclass(slots=True)
class Muster:
    """Keys of entries, as octets: there may be a hundred thousand. ``is_full``: whoever is not among them is not
    there."""

    is_full: bool = True
    seen: set[bytes] = field(default_factory=set)
    inactive: set[bytes] = field(default_factory=set)

    def takes(self, entry: Entry) -> bool:
        """Whether it is an active one, and met for the first time: entries move from one page to another."""
        key = UUID(entry.key).bytes
        if key in self.seen or key in self.inactive:
            return False
        (self.seen if entry.is_active else self.inactive).add(key)
        return entry.is_active

    def leaving(self, connection: sa.Connection, directory: Directory, limit: int) -> list[str]:
        """IDs of users. ``limit``: how many percent may. Raises Refused."""
        if not self.is_full and not self.inactive:
            return []
        is_there = self._is_seen if self.is_full else self._is_not_inactive
        leaving, listed = those_who_left(connection, directory, is_there), count_listed(connection, directory)
        shown = len(self.seen) if self.is_full else listed
        problem = shrinks_too_much(len(leaving), listed, limit, shown)
        if problem:
            raise Refused(problem)
        return leaving

    def _is_seen(self, key: str) -> bool:
        return _octets(key) in self.seen

    def _is_not_inactive(self, key: str) -> bool:
        return _octets(key) not in self.inactive


def _octets(key: str) -> bytes:
    try:
        return UUID(key).bytes
    except ValueError:
        return b""
