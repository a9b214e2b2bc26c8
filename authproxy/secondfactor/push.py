"""Pushes that logins wait for: begun, joined, decided, expired, given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.model import new_login_id
from authproxy.secondfactor.push_jobs import (
    Statuses,
    closing,
    deciding,
    inserting,
    reading,
    reading_since,
    sweeping,
)
from authproxy.secondfactor.pushes import Decided, NoSuchPush, Push, PushStatus, TooLate
from authproxy.store.writer import Writer

POLL_SECONDS = 0.5
_LOOK_BACK = 2.0  # seconds: covers a commit that took its time after the clock was read
_MOST_PER_JOB = 500

_log = Logger()


class AsksPush(Protocol):
    """What the second factor needs of the desk."""

    def begin(
        self, user_id: str, username: str, application: str, client_ip: str, nas: str, login_id: str
    ) -> Deferred[PushStatus]:
        """Asks the user, or joins the request that this user already has open for the same application, appliance
        and address. Fires with how it ended, never ``pending``; fails with StoreUnavailable. Cancel it to give up.
        """
        ...


class _Open:
    """A push that is waited for."""

    __slots__ = ("key", "push", "waiting")

    def __init__(self, push: Push, key: tuple[str, ...]) -> None:
        self.push = push
        self.key = key
        self.waiting: list[Deferred[PushStatus]] = []


class PushDesk:
    """Implements AsksPush on the store. All pushes live ``seconds``, so one timer serves them all."""

    def __init__(self, writer: Writer, clock: IReactorTime, now: Callable[[], float], seconds: float) -> None:
        """``now``: epoch seconds, for the rows; ``clock``: for the timers."""
        self._writer = writer
        self._clock = clock
        self._now = now
        self._seconds = seconds
        self._by_key: dict[tuple[str, ...], _Open] = {}
        self._by_id: dict[str, _Open] = {}
        self._due: deque[tuple[float, str]] = deque()
        self._timer: IDelayedCall | None = None
        self._is_polling = False
        self._last_poll = 0.0
        self._woken: dict[str, None] = {}
        self._is_fetching = False

    def start(self) -> None:
        """Closes what an earlier run left open. Pushes that have not expired yet end by themselves."""
        self._writer.run(sweeping(self._now())).addErrback(_log_failure)

    def stop(self) -> None:
        """Ends the timer. Whoever waits is up to the caller."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pending(self) -> int:
        return len(self._by_id)

    # ------------------------------------------------------------ asking

    def begin(
        self, user_id: str, username: str, application: str, client_ip: str, nas: str, login_id: str
    ) -> Deferred[PushStatus]:
        """See AsksPush."""
        key = (user_id, application, nas, client_ip)
        found = self._by_key.get(key)
        if found is None:
            now = self._now()
            push = Push(
                new_login_id(), user_id, username, application, client_ip, nas, login_id, now, now + self._seconds
            )
            found = self._open(push, key)
        joined = found
        waiting: Deferred[PushStatus] = Deferred(lambda given_up: self._give_up(joined, given_up))
        found.waiting.append(waiting)
        return waiting

    def _open(self, push: Push, key: tuple[str, ...]) -> _Open:
        opened = self._by_key[key] = self._by_id[push.id] = _Open(push, key)
        self._due.append((self._clock.seconds() + self._seconds, push.id))
        inserted = self._writer.run(inserting(push))
        inserted.addErrback(lambda failure: self._fail(opened, failure))
        if self._timer is None:
            self._last_poll = push.created
            self._arm()
        return opened

    def _give_up(self, opened: _Open, waiting: Deferred[PushStatus]) -> None:
        """A login stopped waiting; the last one to do so withdraws the push."""
        if self._by_id.get(opened.push.id) is not opened:
            return  # just decided: the others are being told
        opened.waiting.remove(waiting)
        if not opened.waiting:
            self._forget(opened)
            self._close([opened.push.id], PushStatus.CANCELLED)

    # ------------------------------------------------------------ deciding

    async def decide(self, push_id: str, status: PushStatus, by: str) -> Decided | TooLate | NoSuchPush:
        """Decides within this process. Raises StoreUnavailable."""
        result = await self._writer.run(deciding(push_id, status, by, self._now()))
        if isinstance(result, Decided):
            self._settle(push_id, status)
        return result

    def wake(self, ids: Iterable[str]) -> None:
        """Somebody says these were decided: looks, and tells those who wait."""
        self._woken.update((push_id, None) for push_id in ids if push_id in self._by_id)
        self._fetch()

    def _fetch(self) -> None:
        if self._is_fetching or not self._woken:
            return
        self._is_fetching = True
        ids = list(self._woken)[:_MOST_PER_JOB]
        for push_id in ids:
            del self._woken[push_id]
        fetched = self._writer.run(reading(ids))
        fetched.addCallbacks(self._settle_all, _log_failure)
        fetched.addCallback(self._fetched)

    def _fetched(self, _: object) -> None:
        self._is_fetching = False
        self._fetch()

    def _settle_all(self, statuses: Statuses) -> None:
        for push_id, status in statuses:
            if status is not PushStatus.PENDING:
                self._settle(push_id, status)

    def _settle(self, push_id: str, status: PushStatus) -> None:
        opened = self._by_id.get(push_id)
        if opened is None:
            return
        self._forget(opened)
        for waiting in opened.waiting:
            if not waiting.called:
                waiting.callback(status)

    def _fail(self, opened: _Open, failure: Failure) -> None:
        self._forget(opened)
        for waiting in opened.waiting:
            if not waiting.called:
                waiting.errback(failure.value)

    def _forget(self, opened: _Open) -> None:
        """Takes it out of the lists; ``waiting`` stays as it is until everybody was told."""
        self._by_key.pop(opened.key, None)
        self._by_id.pop(opened.push.id, None)

    # ------------------------------------------------------------ the clock

    def _arm(self) -> None:
        self._timer = self._clock.callLater(POLL_SECONDS, self._tick)

    def _tick(self) -> None:
        """Every half second while anything is pending: ends what is due, looks for decisions nobody told of."""
        self._timer = None
        self._expire()
        if not self._by_id:
            self._due.clear()
            return
        self._poll()
        self._arm()

    def _expire(self) -> None:
        now, due, ids = self._clock.seconds(), self._due, []
        while due and (due[0][0] <= now or due[0][1] not in self._by_id):
            _at, push_id = due.popleft()
            if push_id in self._by_id:
                ids.append(push_id)
        for first in range(0, len(ids), _MOST_PER_JOB):
            self._close(ids[first : first + _MOST_PER_JOB], PushStatus.EXPIRED)

    def _close(self, ids: list[str], status: PushStatus) -> None:
        """Ends pushes, unless they were decided before: then that is what counts."""
        closed = self._writer.run(closing(ids, status, self._now()))
        closed.addCallbacks(self._settle_all, lambda failure: self._fail_all(ids, failure))

    def _fail_all(self, ids: list[str], failure: Failure) -> None:
        for push_id in ids:
            opened = self._by_id.get(push_id)
            if opened is not None:
                self._fail(opened, failure)

    def _poll(self) -> None:
        if self._is_polling:
            return
        self._is_polling = True
        begun = self._now()
        since = min(self._last_poll, begun) - _LOOK_BACK

        def done(statuses: Statuses) -> None:
            self._last_poll = begun
            self._settle_all(statuses)

        polled = self._writer.run(reading_since(since))
        polled.addCallbacks(done, _log_failure)
        polled.addCallback(self._polled)

    def _polled(self, _: object) -> None:
        self._is_polling = False


def _log_failure(failure: Failure) -> None:
    """The store reports its own faults once a minute; the next look is half a second away."""
    _log.debug("pushes: {problem}", problem=failure.getErrorMessage())
