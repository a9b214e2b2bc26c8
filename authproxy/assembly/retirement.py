"""What a reload has put out of use is closed once the logins that began with it have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_LOOK_EVERY = 0.5

_log = Logger()

Closer = Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Retired:
    is_busy: Callable[[], bool]
    closers: Sequence[Closer]


class Retirement:
    """Looks about twice a second, as long as anything is in retirement."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._retired: list[_Retired] = []
        self._timer: IDelayedCall | None = None

    def add(self, is_busy: Callable[[], bool], closers: Sequence[Closer]) -> None:
        self._retired.append(_Retired(is_busy, closers))
        if self._timer is None:
            self._timer = self._clock.callLater(0, self._look)

    @property
    def is_busy(self) -> bool:
        return any(retired.is_busy() for retired in self._retired)

    def _look(self) -> None:
        self._timer = None
        for retired in self._retired[:]:
            if not retired.is_busy():
                self._retired.remove(retired)
                close_all(retired.closers)
        if self._retired:
            self._timer = self._clock.callLater(_LOOK_EVERY, self._look)

    async def close(self) -> None:
        """Everything, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        retired, self._retired = self._retired, []
        for each in retired:
            for closer in each.closers:
                await maybeDeferred(closer)


def close_all(closers: Sequence[Closer]) -> None:
    """Without waiting for it."""
    for closer in closers:
        closing: Deferred[object] = maybeDeferred(closer)
        closing.addErrback(lambda failure: _log.failure("closing what is no longer used", failure))
