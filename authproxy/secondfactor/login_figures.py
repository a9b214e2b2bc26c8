"""Logins of the last hours in figures, for the dashboard: counted by stretches of time from the log's index.

A stretch that is over does not change any more, so it is counted once; what is counted is kept for a minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

import sqlalchemy as sa
from twisted.internet.defer import Deferred

from authproxy.secondfactor.office import Office
from authproxy.store.tables import logins

_MINUTE: Final = 60.0
_SAMPLE: Final = 200  # logins of a stretch whose durations are looked at
_FEWEST: Final = 5

Counts = Mapping[tuple[str, str, str], int]
"""By result, reason and factor."""


@dataclass(frozen=True, slots=True)
class Window:
    """``stretch`` seconds, ``count`` times, the last of them still going on."""

    stretch: int
    count: int

    def begins(self, now: float) -> list[float]:
        """When each stretch does, the oldest first. They are the same whenever it is asked."""
        last = now // self.stretch * self.stretch
        return [last - (self.count - 1 - at) * self.stretch for at in range(self.count)]


WINDOWS: Final = {"day": Window(3600, 24), "week": Window(21_600, 28)}


@dataclass(frozen=True, slots=True)
class Stretch:
    """``middle`` and ``slow``: seconds that half of the accepted logins took at most, and 95 of 100, of the last
    200 at most; None where there were fewer than five."""

    begin: float
    counts: Counts
    middle: float | None
    slow: float | None

    def total(self, *, result: str = "", factor: str | None = None) -> int:
        return sum(
            number
            for (of_result, _, of_factor), number in self.counts.items()
            if result in ("", of_result) and factor in (None, of_factor)
        )


@dataclass(frozen=True, slots=True)
class Figures:
    window: Window
    stretches: Sequence[Stretch]

    def total(self, result: str = "") -> int:
        return sum(stretch.total(result=result) for stretch in self.stretches)

    def factors(self, most: int) -> list[str]:
        """Of accepted logins, the commonest first."""
        return [name for name, _ in self._commonest("accept", 2).most_common(most)]

    def failures(self, most: int) -> list[tuple[str, int]]:
        """Reasons that logins were rejected for, the commonest first."""
        return self._commonest("reject", 1).most_common(most)

    def _commonest(self, result: str, part: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for stretch in self.stretches:
            for key, number in stretch.counts.items():
                if key[0] == result:
                    found[key[part]] += number
        return found


class LoginFigures:
    """``now``: epoch seconds."""

    def __init__(self, office: Office, now: Callable[[], float]) -> None:
        self._office = office
        self._now = now
        self._over: dict[tuple[int, float], Stretch] = {}
        self._kept: dict[Window, tuple[float, Figures]] = {}
        self._waiting: dict[Window, list[Deferred[None]]] = {}

    async def of(self, window: Window) -> Figures:
        """At most a minute old. Raises StoreUnavailable."""
        kept = self._kept.get(window)
        if kept is not None and self._now() - kept[0] < _MINUTE:
            return kept[1]
        if window in self._waiting:  # somebody is counting already
            waiting: Deferred[None] = Deferred()
            self._waiting[window].append(waiting)
            await waiting
            return await self.of(window)
        self._waiting[window] = []
        try:
            figures = await self._count(window)
        finally:
            for one in self._waiting.pop(window):
                one.callback(None)
        return figures

    async def _count(self, window: Window) -> Figures:
        now = self._now()
        begins = window.begins(now)
        missing = [begin for begin in begins if (window.stretch, begin) not in self._over]
        counted = await self._office.read(lambda connection: _stretches(connection, missing, window.stretch))
        found = {stretch.begin: stretch for stretch in counted}
        known = {
            key: stretch for key, stretch in self._over.items() if key[0] != window.stretch or key[1] >= begins[0]
        }
        figures = Figures(window, [found.get(begin) or known[window.stretch, begin] for begin in begins])
        settled = [stretch for stretch in counted if stretch.begin + window.stretch < now - _MINUTE]
        self._over = known | {(window.stretch, stretch.begin): stretch for stretch in settled}
        self._kept[window] = now, figures
        return figures


def _stretches(connection: sa.Connection, begins: Sequence[float], length: int) -> list[Stretch]:
    return [_stretch(connection, begin, begin + length) for begin in begins]


def _stretch(connection: sa.Connection, begin: float, end: float) -> Stretch:
    within = sa.and_(logins.c.at >= begin, logins.c.at < end)
    kinds = (logins.c.result, logins.c.reason, logins.c.factor)
    query = sa.select(*kinds, sa.func.count()).where(within).group_by(*kinds)
    counts = {(result, reason, factor): number for result, reason, factor, number in connection.execute(query)}
    accepted = sa.select(logins.c.elapsed).where(within, logins.c.result == "accept")
    took = list(connection.execute(accepted.order_by(logins.c.at.desc()).limit(_SAMPLE)).scalars())
    if len(took) < _FEWEST:
        return Stretch(begin, counts, None, None)
    hundredths = quantiles(took, n=100, method="inclusive")
    return Stretch(begin, counts, hundredths[49], hundredths[94])
