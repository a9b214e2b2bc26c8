"""Where administrators' work is done on the database: off the reactor, and out of the logins' way.

Reading has threads of its own, so that a search among a million rows holds up nobody, and so has whoever just
logs in. Passwords of administrators, which anybody may have checked, take one processor at most. Changes are made
one at a time, in a transaction each, beside the writer that serves logins.
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
        self._glances = ThreadPool(0, _READERS, "browsers read")
        self._changer = ThreadPool(0, 1, "administrators change")
        self._reckoner = ThreadPool(0, 1, "administrators reckon")
        self._pools = (self._readers, self._glances, self._changer, self._reckoner)
        for pool in self._pools:
            pool.start()

    def read(self, work: Work[T]) -> Deferred[T]:
        """``work`` sees one consistent state. Fails with what it raised, or StoreUnavailable."""
        return self._reading(self._readers, work)

    def glance(self, work: Work[T]) -> Deferred[T]:
        """As :meth:`read`, for little that somebody waits for who logs in: behind no search and no export."""
        return self._reading(self._glances, work)

    def _reading(self, pool: ThreadPool, work: Work[T]) -> Deferred[T]:
        def reading() -> T:
            with self._database.reading() as connection:
                return work(connection)

        return deferToThreadPool(self._reactor, pool, reading)

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
        """Something slow that needs no database: a password's hash, a picture. One at a time."""
        return deferToThreadPool(self._reactor, self._reckoner, work)

    def close(self) -> None:
        """Waits for what was begun."""
        for pool in self._pools:
            pool.stop()
        self._database.close()
