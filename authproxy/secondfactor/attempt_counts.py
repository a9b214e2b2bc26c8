"""How logins ended over any stretch of time: days that are over are counted once, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.summary import Attempts, attempts
from authproxy.store.tables import logins

_DAY: Final = 86_400
_SETTLED: Final = 3600.0  # a login is recorded when it has ended, under the time when it began


class AttemptCounts:
    """For any thread. ``now``: epoch seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._days: dict[int, Attempts] = {}

    def of(self, connection: sa.Connection, since: float, until: float) -> Attempts:
        """``since`` inclusive, ``until`` exclusive, in epoch seconds."""
        oldest = connection.execute(sa.select(sa.func.min(logins.c.at))).scalar()
        if oldest is None:
            return Attempts(0, 0, 0, 0)
        first = int(-(-max(since, oldest) // _DAY))  # of the day before, logins may be forgotten already
        last = int(min(until, self._now() - _SETTLED) // _DAY)
        if first >= last:
            return attempts(connection, since, until)
        edges = [attempts(connection, since, first * _DAY), attempts(connection, last * _DAY, until)]
        return _sum([*edges, *(self._of_day(connection, day) for day in range(first, last))])

    def _of_day(self, connection: sa.Connection, day: int) -> Attempts:
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = attempts(connection, day * _DAY, (day + 1) * _DAY)
        return found


def _sum(parts: Iterable[Attempts]) -> Attempts:
    return Attempts(*map(sum, zip(*map(astuple, parts), strict=True)))
