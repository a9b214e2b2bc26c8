"""How the service and what it depends on are, now and over the last days. Pure.

Changes are what is kept; the share of a day that a component was up is computed from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DAY: Final = 86_400
DAYS: Final = 7


class State(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


_WORST_FIRST: Final = (State.DOWN, State.DEGRADED, State.UP, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Seen:
    """A component as it is found. ``component``: ``database``, ``password check ad_client``, ``mail`` ... never a
    host's name. ``detail`` is for administrators alone."""

    component: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """From ``at`` on (epoch seconds) a component was so."""

    at: float
    component: str
    state: State


@dataclass(frozen=True, slots=True)
class Bar:
    """A day, in UTC. ``worst`` of its states; ``share``: of the time that is known, how much it was not down, from
    0 to 1; None where nothing is known."""

    day: float
    worst: State
    share: float | None


@dataclass(frozen=True, slots=True)
class Component:
    name: str
    state: State
    since: float | None
    detail: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Report:
    """``at``: when it was looked, epoch seconds."""

    at: float
    components: Sequence[Component]

    @property
    def state(self) -> State:
        """Down only where nobody can log in; what is down beside that degrades the whole."""
        by_name = {component.name: component.state for component in self.components}
        if by_name.get("database") is State.DOWN:
            return State.DOWN
        states = set(by_name.values())
        if states & {State.DOWN, State.DEGRADED}:
            return State.DEGRADED
        return State.UP if State.UP in states else State.UNKNOWN


def of_parts(working: int, parts: int) -> State:
    """Of several that do the same."""
    if not parts:
        return State.UNKNOWN
    if working == parts:
        return State.UP
    return State.DEGRADED if working else State.DOWN


def of_attempts(good: int, bad: int) -> State:
    """By what became of the last attempts: a single one that failed says little."""
    if bad < 3:
        return State.UP
    if not good:
        return State.DOWN
    return State.DEGRADED if bad > good else State.UP


def bars(changes: Iterable[Change], now: float) -> tuple[Bar, ...]:
    """One component's last :data:`DAYS` days, the oldest first. ``changes`` in order; the one before counts."""
    spans = _spans(list(changes), now)
    first = now // DAY * DAY - (DAYS - 1) * DAY
    return tuple(_bar(first + day * DAY, spans) for day in range(DAYS))


def _spans(changes: Sequence[Change], now: float) -> list[tuple[float, float, State]]:
    ends = [change.at for change in changes[1:]] + [now]
    return [(change.at, end, change.state) for change, end in zip(changes, ends, strict=True)]


def _bar(day: float, spans: Sequence[tuple[float, float, State]]) -> Bar:
    seconds = dict.fromkeys(State, 0.0)
    for begin, end, state in spans:
        seconds[state] += max(0.0, min(end, day + DAY) - max(begin, day))
    known = sum(seconds.values()) - seconds[State.UNKNOWN]
    worst = next((state for state in _WORST_FIRST if seconds[state] > 0), State.UNKNOWN)
    return Bar(day, worst, (known - seconds[State.DOWN]) / known if known else None)
