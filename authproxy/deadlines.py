"""Many waits of the same length with one timer between them."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

T = TypeVar("T")


class Deadlines:
    """Cancels each watched Deferred that has not fired after ``seconds``.

    A timer per login costs more than the rest of the bookkeeping together. As all waits are equally long,
    they end in the order they began: one queue and one timer are enough.
    """

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._waiting: deque[tuple[float, Deferred[object]]] = deque()
        self._timer: IDelayedCall | None = None

    def watch(self, deferred: Deferred[T]) -> Deferred[T]:
        self._waiting.append((self._clock.seconds() + self.seconds, deferred))  # type: ignore[arg-type]
        if self._timer is None:
            self._arm()
        elif self._waiting[0][1].called:
            self._forget_fired()
        return deferred

    @property
    def is_watching(self) -> bool:
        """Whether anything is waited for."""
        return any(not deferred.called for _due, deferred in self._waiting)

    def _forget_fired(self) -> None:
        waiting = self._waiting
        while waiting and waiting[0][1].called:
            waiting.popleft()

    def _arm(self) -> None:
        due = self._waiting[0][0] - self._clock.seconds()
        self._timer = self._clock.callLater(max(due, 0.0), self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        waiting = self._waiting
        while waiting and (waiting[0][1].called or waiting[0][0] <= now):
            _due, deferred = waiting.popleft()
            if not deferred.called:
                deferred.cancel()
        if waiting:
            self._arm()

    def close(self) -> None:
        """Stops the timer; nothing that is still watched will be cancelled."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
