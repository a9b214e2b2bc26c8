"""How the desk learns of decisions that other processes took: told by a wake-up, or found by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.secondfactor.push_jobs import Statuses, reading, reading_since
from authproxy.store.writer import Writer

MOST_PER_JOB = 500
_LOOK_BACK = 2.0  # seconds: covers a commit that took its time after the clock was read

_log = Logger()


class PushNews:
    """``heard`` is told what the store says; pushes that nobody waits for may be among it, and pending ones."""

    def __init__(self, writer: Writer, now: Callable[[], float], heard: Callable[[Statuses], None]) -> None:
        """``now``: epoch seconds."""
        self._writer = writer
        self._now = now
        self._heard = heard
        self._is_polling = False
        self._last_poll = 0.0
        self._woken: dict[str, None] = {}
        self._is_fetching = False

    def begin(self, since: float) -> None:
        """Polling begins (again): nothing older than ``since`` is of interest."""
        self._last_poll = since

    def look(self, ids: Iterable[str]) -> None:
        """Reads these, a job's worth at a time."""
        self._woken.update((push_id, None) for push_id in ids)
        self._fetch()

    def _fetch(self) -> None:
        if self._is_fetching or not self._woken:
            return
        self._is_fetching = True
        ids = list(self._woken)[:MOST_PER_JOB]
        for push_id in ids:
            del self._woken[push_id]
        fetched = self._writer.run(reading(ids))
        fetched.addCallbacks(self._heard, log_failure)
        fetched.addCallback(self._fetched)

    def _fetched(self, _: object) -> None:
        self._is_fetching = False
        self._fetch()

    def poll(self) -> None:
        """Reads what was decided since the last time."""
        if self._is_polling:
            return
        self._is_polling = True
        begun = self._now()
        since = min(self._last_poll, begun) - _LOOK_BACK

        def done(statuses: Statuses) -> None:
            self._last_poll = begun
            self._heard(statuses)

        polled = self._writer.run(reading_since(since))
        polled.addCallbacks(done, log_failure)
        polled.addCallback(self._polled)

    def _polled(self, _: object) -> None:
        self._is_polling = False


def log_failure(failure: Failure) -> None:
    """The store reports its own faults once a minute; the next look is half a second away."""
    _log.debug("pushes: {problem}", problem=failure.getErrorMessage())
