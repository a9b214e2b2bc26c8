"""The watchdog: systemd is told that the daemon is alive as long as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from authproxy.running.notify import Notifier

_STATUS_EVERY: Final = 15.0

_log = Logger()


class Watchdog:
    """``problem`` says what keeps logins from being decided, empty when nothing does; ``status`` is a line for
    people. That it is asked at all shows that the event loop turns."""

    def __init__(
        self, notify: Notifier, problem: Callable[[], str], status: Callable[[], str], clock: IReactorTime
    ) -> None:
        self._notify = notify
        self._problem = problem
        self._status = status
        self._told = ""
        seconds = notify.watchdog_seconds
        self._every = min(seconds / 3, _STATUS_EVERY) if seconds else _STATUS_EVERY
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._looking.start(self._every).addErrback(
            lambda failure: _log.failure("nobody looks after the daemon any more", failure)
        )

    def stop(self) -> None:
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        problem = self._problem()
        if problem:
            _log.error("not alive: {problem}", problem=problem)
        else:
            self._notify(WATCHDOG=1)
        status = problem or self._status()
        if status != self._told:
            self._told = status
            self._notify(STATUS=status)
