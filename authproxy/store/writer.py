"""The one thread that works on the database for the daemon, many jobs to a transaction.

A commit waits for the disk, so the reactor never does it; and because one ``fsync`` serves up to 64 jobs, it
costs each of them little. What a job did is on disk when its Deferred fires.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.errors import StoreUnavailable
from authproxy.store.faults import explain_fault, is_fault
from authproxy.store.statements import Connection

T = TypeVar("T")
Job = Callable[[Connection], T]

MOST_PER_COMMIT = 64
MOST_WAITING = 20_000
_LOG_EVERY = 60.0

_log = Logger()


class CallsFromThread(Protocol):
    """The part of the reactor that other threads may use."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None: ...


class Ticket(Generic[T]):
    """A job, and what became of it."""

    __slots__ = ("error", "fired", "job", "value")

    def __init__(self, job: Job[T], fired: Deferred[T]) -> None:
        self.job = job
        self.fired = fired
        self.value: T | None = None
        self.error: Exception | None = None


class Writer:
    """Runs jobs in order, each in a transaction that is shared with its neighbors.

    A job must do nothing but work on its connection, and must bear to be run again: when a neighbor raises, the
    transaction is rolled back and every job of it is run anew, alone.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        reactor: CallsFromThread,
        now: Callable[[], float] = time.monotonic,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """``connection``: as :func:`authproxy.store.engine.open_sqlite` gives it; the writer's from now on.
        ``on_commit`` is told, in the writer's thread, the seconds that each transaction took; ``on_others`` is
        called there before a transaction's first job when other connections have committed something since."""
        self._path = path
        self._files = _Files(path)
        self._connection = connection
        self._reactor = reactor
        self._now = now
        self._most_waiting = most_waiting
        self._queue: SimpleQueue[Ticket[Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="database writer", daemon=True)
        self._stopped: Deferred[None] | None = None
        self._last_logged = -_LOG_EVERY
        self._unlogged = 0
        self.commits = 0
        self.on_commit: Callable[[float], None] = _nothing
        self.on_others: Callable[[Connection], None] = _nobody
        self._version: object = None

    @property
    def waiting(self) -> int:
        """Jobs that wait for their turn."""
        return self._queue.qsize()

    def start(self) -> None:
        self._thread.start()

    def run(self, job: Job[T]) -> Deferred[T]:
        """Fires with what ``job`` returned, once it is on disk.

        Fails with what ``job`` raised, or with StoreUnavailable; then nothing was changed. A job whose Deferred
        is cancelled while it waits its turn is not run.
        """
        fired: Deferred[T] = Deferred()
        if self._stopped is not None:
            fired.errback(StoreUnavailable(f"database {self._path}: it is closed"))
        elif self._queue.qsize() >= self._most_waiting:
            error = StoreUnavailable(f"database {self._path}: {self._most_waiting} jobs are waiting already")
            self._report(str(error), 1)
            fired.errback(error)
        else:
            self._queue.put(Ticket(job, fired))
        return fired

    def touch(self) -> Deferred[None]:
        """Changes nothing, but has to reach the disk. Fails with StoreUnavailable."""
        return self.run(_touch)

    @property
    def is_alive(self) -> bool:
        """Whether its thread is at work, so that what is asked for will be done."""
        return self._thread.is_alive()

    def stop(self) -> Deferred[None]:
        """Fires when everything that was asked for is on disk and the database is closed."""
        if self._stopped is not None:
            return _after(self._stopped)
        self._stopped = Deferred()
        if self._thread.is_alive():
            self._queue.put(None)
        else:
            self._connection.close()
            self._stopped.callback(None)
        return _after(self._stopped)

    # ------------------------------------------------------------ in the writer's thread

    def _work(self) -> None:
        is_open = True
        while is_open:
            tickets, is_open = self._take()
            if tickets:
                self._commit_together(tickets)
                self._reactor.callFromThread(self._fire, tickets)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._reactor.callFromThread(self._closed)

    def _take(self) -> tuple[list[Ticket[Any]], bool]:
        """Waits for work, then takes what is there; False when it was the last."""
        tickets: list[Ticket[Any]] = []
        get = self._queue.get
        ticket = get()
        with contextlib.suppress(Empty):
            while ticket is not None:
                if not ticket.fired.called:
                    tickets.append(ticket)
                if len(tickets) == MOST_PER_COMMIT:
                    return tickets, True
                ticket = get(False)
            return tickets, False
        return tickets, True

    def _commit_together(self, tickets: list[Ticket[Any]]) -> None:
        try:
            self._transact(tickets)
        except Exception as error:
            fault = self._fault(error)
            if fault is None and len(tickets) > 1:
                for ticket in tickets:
                    self._commit_together([ticket])
                return
            for ticket in tickets:
                ticket.error = error if fault is None else StoreUnavailable(fault)

    def _transact(self, tickets: list[Ticket[Any]]) -> None:
        began, connection = self._now(), self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._notice_others()
            for ticket in tickets:
                ticket.value = ticket.job(connection)
            self._files.check()
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self.commits += 1
        self.on_commit(self._now() - began)

    def _notice_others(self) -> None:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()  # a microsecond
        if version != self._version:
            self.on_others(self._connection)
            self._version = version

    def _fault(self, error: Exception) -> str | None:
        """What is wrong with the database; None when it is the job that failed."""
        if isinstance(error, StoreUnavailable):
            return str(error)
        if isinstance(error, sqlite3.Error) and is_fault(error):
            return str(explain_fault(error, str(self._path)))
        return None

    # ------------------------------------------------------------ in the reactor's thread

    def _fire(self, tickets: list[Ticket[Any]]) -> None:
        faults = 0
        for ticket in tickets:
            error = ticket.error
            if error is None:
                ticket.fired.callback(ticket.value)
                continue
            if isinstance(error, StoreUnavailable):
                faults += 1
                if faults == 1:
                    problem = str(error)
            ticket.fired.errback(error)
        if faults:
            self._report(problem, faults)

    def _closed(self) -> None:
        assert self._stopped is not None
        self._stopped.callback(None)

    def _report(self, problem: str, count: int) -> None:
        """One line a minute, however many logins it costs."""
        self._unlogged += count
        if self._now() - self._last_logged >= _LOG_EVERY:
            self._last_logged = self._now()
            _log.error("{problem} (jobs refused: {count})", problem=problem, count=self._unlogged)
            self._unlogged = 0


class _Files:
    """Notices that the database's files were deleted or replaced: SQLite would go on writing into the void."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = [str(path), f"{path}-wal"]
        self._seen: list[tuple[int, int] | None] = [_identity(self._names[0]), None]

    def check(self) -> None:
        """Raises StoreUnavailable."""
        found = [_identity(name) for name in self._names]
        if self._seen[1] is None:  # the log is there once a transaction has begun
            self._seen[1] = found[1]
        if None in found or found != self._seen:
            raise StoreUnavailable(
                f"database {self._path}: the file was deleted or replaced while in use: restart authproxy"
            )


def _touch(connection: Connection) -> None:
    """A page of the file's own header, in which this number is of no use to us."""
    for (version,) in connection.execute("PRAGMA user_version").fetchall():
        connection.execute(f"PRAGMA user_version = {int(version)}")


def _nothing(seconds: float) -> None:
    return


def _nobody(connection: Connection) -> None:
    return


def _identity(name: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(name)  # noqa: PTH116  # twice per commit: Path costs double
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _after(other: Deferred[None]) -> Deferred[None]:
    waiting: Deferred[None] = Deferred()
    other.addCallback(lambda _: waiting.callback(None))
    return waiting
