"""Transactions of the Auth API that go on by themselves, and clients that poll for news of them."""

from __future__ import annotations

import uuid
from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.authapi import BadParameter, Progress

HOLD_SECONDS = 5.0
KEEP_SECONDS = 60.0
MOST = 10_000


class Transaction:
    """One of them. ``application`` alone may ask for it."""

    __slots__ = ("application", "id", "is_over", "progress", "told", "version", "waiting")

    def __init__(self, application: str, txid: str) -> None:
        self.application = application
        self.id = txid
        self.progress = Progress("waiting", "pushed", "")
        self.version = 0
        self.told = 0
        self.is_over = False
        self.waiting: list[tuple[Deferred[None], IDelayedCall]] = []

    def advance(self, progress: Progress, is_over: bool = False) -> None:
        """There is news: who polls is answered."""
        self.progress = progress
        self.is_over = is_over
        self.version += 1
        waiting, self.waiting = self.waiting, []
        for fired, timer in waiting:
            timer.cancel()
            fired.callback(None)


class OpenTransactions:
    """Bounded. The end of one is told for ``KEEP_SECONDS``, then it is forgotten."""

    def __init__(self, clock: IReactorTime, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._by_id: dict[str, Transaction] = {}
        self._over: deque[tuple[float, str]] = deque()

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, application: str) -> Transaction:
        """Raises StoreUnavailable when there are too many."""
        self._forget()
        if len(self._by_id) >= self._most:
            raise StoreUnavailable(f"{self._most} transactions of the Auth API are open already")
        transaction = Transaction(application, str(uuid.uuid4()))
        self._by_id[transaction.id] = transaction
        return transaction

    def end(self, transaction: Transaction, progress: Progress) -> None:
        self._over.append((self._clock.seconds() + KEEP_SECONDS, transaction.id))
        transaction.advance(progress, is_over=True)

    async def news(self, application: str, txid: str) -> Progress:
        """What has changed since the client last asked, the end, or after a while how things are. Raises
        BadParameter."""
        self._forget()
        transaction = self._by_id.get(txid)
        if transaction is None or transaction.application != application:
            raise BadParameter("txid")
        if transaction.version == transaction.told and not transaction.is_over:
            await self._change(transaction)
        transaction.told = transaction.version
        return transaction.progress

    def _change(self, transaction: Transaction) -> Deferred[None]:
        def drop(fired: Deferred[None]) -> None:
            if timer.active():
                timer.cancel()
            transaction.waiting = [each for each in transaction.waiting if each[0] is not fired]

        def nothing_new() -> None:
            drop(waiting)
            waiting.callback(None)

        waiting: Deferred[None] = Deferred(drop)
        timer = self._clock.callLater(HOLD_SECONDS, nothing_new)
        transaction.waiting.append((waiting, timer))
        return waiting

    def _forget(self) -> None:
        now, over = self._clock.seconds(), self._over
        while over and over[0][0] <= now:
            self._by_id.pop(over.popleft()[1], None)
