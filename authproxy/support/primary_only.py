"""Primary-only mode in the daemon: for a while, a right password is enough in every server section.

It ends by itself, and it is loud: in the log when it begins, every five minutes, and when it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from authproxy.support.primary_only_file import PrimaryOnlyState, StateUnusable, read_state, remove_state

_REMIND_EVERY = 300.0

_log = Logger()


class PrimaryOnly:
    """What ``state_dir`` says, as of the last :meth:`read`. ``now``: epoch seconds."""

    def __init__(self, state_dir: Path, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._now = now
        self._state: PrimaryOnlyState | None = None
        self._next: IDelayedCall | None = None

    def __call__(self) -> str:
        """Why a password is enough now; empty if it is not. Asked by every login."""
        state = self._state
        if state is None:
            return ""
        if state.left(self._now()) <= 0:
            self._end("its time is over")
            return ""
        return f"until {_moment(state.until)}, started by {state.by}"

    @property
    def is_on(self) -> bool:
        return bool(self())

    def read(self) -> None:
        """What was started or stopped is so from now on. A file that can't be used is none."""
        try:
            found = read_state(self._state_dir)
        except StateUnusable as error:
            _log.error("primary-only mode: {problem}; it is off", problem=str(error))
            found = None
        if found is not None and found.left(self._now()) <= 0:
            self._forget_file()
            found = None
        if found == self._state:
            return
        if found is None:
            self._end("it was stopped")
            return
        self._state = found
        self._say("begins")
        self._schedule()

    def close(self) -> None:
        """It holds again when another process reads the file."""
        self._cancel()

    # ------------------------------------------------------------ time

    def _schedule(self) -> None:
        self._cancel()
        assert self._state is not None
        left = self._state.left(self._now())
        self._next = self._clock.callLater(min(left, _REMIND_EVERY), self._pass)

    def _pass(self) -> None:
        self._next = None
        if self._state is not None and self():
            self._say("goes on")
            self._schedule()

    def _end(self, why: str) -> None:
        self._cancel()
        state, self._state = self._state, None
        if state is None:
            return
        if state.left(self._now()) <= 0:
            self._forget_file()
        _log.warn("PRIMARY-ONLY MODE has ended: {why}; second factors are asked again", why=why)

    def _forget_file(self) -> None:
        try:
            remove_state(self._state_dir)
        except StateUnusable as error:
            _log.error("primary-only mode: {problem}", problem=str(error))

    def _cancel(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _say(self, what: str) -> None:
        assert self._state is not None
        _log.warn(
            "PRIMARY-ONLY MODE {what}: passwords alone are enough until {until} ({minutes}),"
            " started by {by}; `authproxy primary-only stop` ends it",
            what=what,
            until=_moment(self._state.until),
            minutes=_minutes(self._state.left(self._now())),
            by=self._state.by,
        )


def _minutes(seconds: float) -> str:
    number = round(seconds / 60)
    return "1 minute" if number == 1 else f"{number} minutes"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
