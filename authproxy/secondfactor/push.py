"""Pushes that logins wait for: begun, joined, decided, expired, given up."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from authproxy.model import Factor, new_login_id
from authproxy.secondfactor.gateways import FraudAlert, FraudReport, Notifies
from authproxy.secondfactor.push_jobs import (
    PushLimit,
    Statuses,
    closing,
    deciding,
    inserting,
    reading_whole,
    sweeping,
)
from authproxy.secondfactor.push_news import MOST_PER_JOB, PushNews, log_failure
from authproxy.secondfactor.pushes import (
    Decided,
    NoSuchPush,
    Push,
    PushEnd,
    PushMode,
    PushRequest,
    PushStatus,
    TooLate,
    TooMany,
)
from authproxy.store.writer import Writer

POLL_SECONDS = 0.5
_NO_LIMIT = PushLimit()

Key = tuple[str | None, ...]


class _Open:
    """A push that is waited for."""

    __slots__ = ("key", "push", "waiting")

    def __init__(self, push: Push, key: Key) -> None:
        self.push = push
        self.key = key
        self.waiting: list[Deferred[PushEnd]] = []


class PushDesk:
    """Implements AsksPush on the store. All pushes live ``seconds``, so one timer serves them all."""

    def __init__(
        self,
        writer: Writer,
        clock: IReactorTime,
        now: Callable[[], float],
        seconds: float,
        limit: PushLimit = _NO_LIMIT,
        notifies: Notifies | None = None,
        frauds: FraudAlert | None = None,
    ) -> None:
        """``now``: epoch seconds, for the rows; ``clock``: for the timers. ``on_end`` is told how each push that
        was waited for ended."""
        self._writer = writer
        self._clock = clock
        self._now = now
        self._seconds = seconds
        self._limit = limit
        self._notifies = notifies
        self._frauds = frauds
        self._by_key: dict[Key, _Open] = {}
        self._by_id: dict[str, _Open] = {}
        self._due: deque[tuple[float, str]] = deque()
        self._timer: IDelayedCall | None = None
        self._news = PushNews(writer, now, self._settle_all)
        self.on_end: Callable[[PushStatus], None] = _nothing

    def start(self) -> None:
        """Closes what an earlier run left open. Pushes that have not expired yet end by themselves."""
        self._writer.run(sweeping(self._now())).addErrback(log_failure)

    def tell(self, notifies: Notifies) -> None:
        """Who brings pushes to phones from now on."""
        self._notifies = notifies

    def stop(self) -> None:
        """Ends the timer. Whoever waits is up to the caller."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pending(self) -> int:
        return len(self._by_id)

    # ------------------------------------------------------------ asking

    def begin(self, request: PushRequest) -> Deferred[PushEnd]:
        """See AsksPush."""
        push = self._push(request)
        key = _key(push, request.whence)
        found = self._by_key.get(key)
        if found is None:
            opened = found = self._watch(push, self._seconds, key)
            self._insert(opened).addErrback(lambda failure: self._fail(opened, failure))
        return self._wait(found)

    async def open(self, request: PushRequest) -> Push | TooMany:
        """See AsksPush."""
        push = self._push(request)
        opened = self._watch(push, self._seconds, (push.id,))
        try:
            refused = await self._insert(opened)
        except Exception:  # or nobody waits any more, while the row is being written
            self._withdraw(opened)
            raise
        return refused or opened.push

    async def ending(self, push_id: str) -> tuple[Push, PushStatus] | None:
        """See AsksPush."""
        opened = self._by_id.get(push_id)
        if opened is None:
            row = await self._writer.run(reading_whole(push_id))
            if row is None or row[1] is not PushStatus.PENDING:
                return row
            left = row[0].expires - self._now()
            opened = self._by_id.get(push_id) or self._watch(row[0], left, (push_id,))
        end = await self._wait(opened)
        assert isinstance(end, PushStatus)
        return opened.push, end

    def _push(self, request: PushRequest) -> Push:
        now = self._now()
        return Push.asking(new_login_id(), request, now, now + self._seconds)

    def _watch(self, push: Push, seconds: float, key: Key) -> _Open:
        opened = self._by_key[key] = self._by_id[push.id] = _Open(push, key)
        insort(self._due, (self._clock.seconds() + seconds, push.id))
        if self._timer is None:
            self._news.begin(push.created)
            self._arm()
        return opened

    def _insert(self, opened: _Open) -> Deferred[TooMany | None]:
        def inserted(refused: TooMany | None) -> TooMany | None:
            if refused is not None:
                self._settle(opened.push.id, refused)
            elif self._notifies and opened.push.phone_id and opened.push.id in self._by_id:
                self._notifies.pushed(opened.push)
            return refused

        return self._writer.run(inserting(opened.push, self._limit)).addCallback(inserted)

    def _wait(self, opened: _Open) -> Deferred[PushEnd]:
        waiting: Deferred[PushEnd] = Deferred(lambda given_up: self._give_up(opened, given_up))
        opened.waiting.append(waiting)
        return waiting

    def _give_up(self, opened: _Open, waiting: Deferred[PushEnd]) -> None:
        """A login stopped waiting; the last one to do so withdraws the push."""
        if self._by_id.get(opened.push.id) is not opened:
            return  # just decided: the others are being told
        opened.waiting.remove(waiting)
        if not opened.waiting:
            self._withdraw(opened)

    def _withdraw(self, opened: _Open) -> None:
        self._forget(opened)
        self._close([opened.push.id], PushStatus.CANCELLED)
        self._announce(opened.push, PushStatus.CANCELLED)

    # ------------------------------------------------------------ deciding

    async def decide(
        self, push_id: str, status: PushStatus, by: str, entered: str = ""
    ) -> Decided | TooLate | NoSuchPush:
        """Decides within this process. ``entered``: the number given with an approval. Raises StoreUnavailable."""
        result = await self._writer.run(deciding(push_id, status, by, self._now(), entered))
        if isinstance(result, Decided):
            self._settle(push_id, result.status)
        return result

    def wake(self, ids: Iterable[str]) -> None:
        """Somebody says these were decided: looks, and tells those who wait."""
        self._news.look(push_id for push_id in ids if push_id in self._by_id)

    def look_again(self) -> None:
        """Administrators changed something: users, phones or applications of pending pushes may be gone."""
        self.wake(list(self._by_id))

    def _settle_all(self, statuses: Statuses) -> None:
        for push_id, status in statuses:
            if status is not PushStatus.PENDING:
                self._settle(push_id, status)

    def _settle(self, push_id: str, end: PushEnd) -> None:
        opened = self._by_id.get(push_id)
        if opened is None:
            return
        self._forget(opened)
        if isinstance(end, PushStatus):
            self._announce(opened.push, end)
        for waiting in opened.waiting:
            if not waiting.called:
                waiting.callback(end)

    def _announce(self, push: Push, status: PushStatus) -> None:
        self.on_end(status)
        if self._notifies and push.phone_id:
            self._notifies.ended(push, status)
        if self._frauds and status is PushStatus.FRAUD:
            self._frauds.raised(
                FraudReport(
                    push.user_id, push.username, push.application, push.client_ip, push.login_id, Factor.PUSH
                )
            )

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
        self._news.poll()
        self._arm()

    def _expire(self) -> None:
        now, due, ids = self._clock.seconds(), self._due, []
        while due and (due[0][0] <= now or due[0][1] not in self._by_id):
            _at, push_id = due.popleft()
            if push_id in self._by_id:
                ids.append(push_id)
        for first in range(0, len(ids), MOST_PER_JOB):
            self._close(ids[first : first + MOST_PER_JOB], PushStatus.EXPIRED)

    def _close(self, ids: list[str], status: PushStatus) -> None:
        """Ends pushes, unless they were decided before: then that is what counts."""
        closed = self._writer.run(closing(ids, status, self._now()))
        closed.addCallbacks(self._settle_all, lambda failure: self._fail_all(ids, failure))

    def _fail_all(self, ids: list[str], failure: Failure) -> None:
        for push_id in ids:
            opened = self._by_id.get(push_id)
            if opened is not None:
                self._fail(opened, failure)


def _nothing(status: PushStatus) -> None:
    return


def _key(push: Push, whence: str) -> Key:
    """What two logins must have in common to share a push. A number or code belongs to one login alone; and where
    nothing tells whence a login comes, so does every push: the other login may be that of somebody who stole the
    password."""
    if push.mode != PushMode.PLAIN or not whence:
        return (push.id,)
    return push.user_id, push.application, push.nas, whence, push.phone_id, push.detail
