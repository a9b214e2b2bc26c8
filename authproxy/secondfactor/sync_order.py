"""What a sync is asked for, whom it works with, and why it may stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import sqlalchemy as sa

from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.sync_runs import Mode

T = TypeVar("T")
Work = Callable[[sa.Connection], T]


class Books(Protocol):
    """The database, for somebody who waits for it."""

    def read(self, work: Work[T]) -> T: ...
    def change(self, work: Work[T]) -> T: ...


class Watches(Protocol):
    """Is told how far a sync has come, and (``line``) of each person where there is something to tell."""

    def progress(self, stage: str, done: int, total: int | None) -> None: ...
    def line(self, text: str) -> None: ...


class Unwatched:
    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Nobody wants to know."""

    def line(self, text: str) -> None:
        """Nor this."""


class Refused(NotDone):
    """Too many would have been disabled."""


class Interrupted(NotDone):
    """The process ends."""


@dataclass(frozen=True, slots=True)
class Order:
    """``directory``: its name or ID. ``accepts_shrink``: as many may leave as do, unless all of them do."""

    directory: str
    mode: Mode
    actor: str
    username: str = ""
    accepts_shrink: bool = False
