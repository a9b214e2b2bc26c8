"""Lists that are too long to be shown at once. Pure but for the counting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

COUNTED: Final = 10_000
"""A search that finds more than that says so, and does not count on."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part that is wanted: ``limit`` rows from ``offset`` on."""

    limit: int = 50
    offset: int = 0


def is_all(found: int, window: Window) -> bool:
    """Whether nothing can be behind the ``found`` rows of this part: then they need not be counted again."""
    return found < window.limit and (found > 0 or window.offset == 0)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """That part, and of how many in all."""

    rows: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a log: right behind the row ``id`` of ``at`` (epoch seconds). New rows do not move it."""

    at: float
    id: int


@dataclass(frozen=True, slots=True)
class Excerpt(Generic[T]):
    """A part of a log. ``next``: where the next one begins; None: this was the last."""

    rows: tuple[T, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are; at least that many if not ``is_exact``."""

    count: int
    is_exact: bool


def count_up_to(connection: sa.Connection, query: sa.Select[Any], most: int = COUNTED) -> Total:
    """The rows of ``query``, without its order."""
    some = query.order_by(None).limit(most + 1).subquery()
    found = int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
    return Total(min(found, most), found <= most)


def behind(at: sa.ColumnElement[float], row_id: sa.ColumnElement[int], cursor: Cursor, *, is_descending: bool
           ) -> sa.ColumnElement[bool]:  # fmt: skip
    """Rows that come after ``cursor`` in a log ordered by both columns."""
    here, there = sa.tuple_(at, row_id), sa.tuple_(sa.literal(cursor.at), sa.literal(cursor.id))
    return here < there if is_descending else here > there


def containing(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """``text`` anywhere; none of its characters has a meaning. LIKE of SQLite knows no case of ASCII, and
    takes half the time without ``lower``."""
    return column.contains(text, autoescape=True)
