"""Where administrators' work is done on the database: off the reactor, and out of the logins' way.

Reading has threads of its own, so that a search among a million rows holds up nobody; changes are made one at a
time, in a transaction each, beside the writer that serves logins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy as sa
from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from authproxy.store.engine import Database

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

_READERS: Final = 2


class Office:
    """``work`` is called in another thread with a connection; what it raises (Refused, StoreUnavailable ...)
    reaches the caller, and a change is undone then."""

    def __init__(self, database: Database, reactor: Reactor, after_change: Callable[[], object]) -> None:
        """``after_change``: called in the reactor's thread when a change is on disk: what is kept in memory may be
        out of date."""
        self._database = database
        self._reactor = reactor
        self._after_change = after_change
        self._readers = ThreadPool(0, _READERS, "administrators read")
        self._changer = ThreadPool(0, 1, "administrators change")
        for pool in (self._readers, self._changer):
            pool.start()

    def read(self, work: Work[T]) -> Deferred[T]:
        """``work`` sees one consistent state. Fails with what it raised, or StoreUnavailable."""

        def reading() -> T:
            with self._database.reading() as connection:
                return work(connection)

        return deferToThreadPool(self._reactor, self._readers, reading)

    def change(self, work: Work[T]) -> Deferred[T]:
        """Committed when it fires. Fails with what ``work`` raised, or StoreUnavailable: nothing was changed."""

        def changing() -> T:
            with self._database.writing() as connection:
                return work(connection)

        def changed(value: T) -> T:
            self._after_change()
            return value

        return deferToThreadPool(self._reactor, self._changer, changing).addCallback(changed)

    def aside(self, work: Callable[[], T]) -> Deferred[T]:
        """Something slow that needs no database: a password's hash, a picture."""
        return deferToThreadPool(self._reactor, self._readers, work)

    def close(self) -> None:
        """Waits for what was begun."""
        for pool in (self._readers, self._changer):
            pool.stop()
        self._database.close()
