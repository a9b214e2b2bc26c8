"""Syncs in the daemon: on demand, and by themselves when it is time. Each has a thread until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import blockingCallFromThread, deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from authproxy.errors import AuthproxyError
from authproxy.secondfactor.directories import Directory, find_directory, list_directories
from authproxy.secondfactor.office import Office, Work
from authproxy.secondfactor.roster import OpensRoster
from authproxy.secondfactor.sync import Sync
from authproxy.secondfactor.sync_clerk import Invites
from authproxy.secondfactor.sync_order import Order
from authproxy.secondfactor.sync_runs import Mode, Run, fail_interrupted, last_run
from authproxy.secondfactor.sync_turn import AlreadyRunning, turn

T = TypeVar("T")

FULL_EVERY: Final = 86_400.0
"""Seconds after which a scheduled sync reads everybody: who was deleted is not found otherwise."""
_LOOK_EVERY: Final = 60.0
_AFTER_FAILURE: Final = 900.0
_AT_ONCE: Final = 2
_SYNCS: Final = (Mode.FULL, Mode.INCREMENTAL)

_log = Logger()


class OfficeBooks:
    """The office, for a thread that waits."""

    def __init__(self, office: Office, reactor: Reactor) -> None:
        self._office = office
        self._reactor = reactor

    def read(self, work: Work[T]) -> T:
        return self._wait(lambda: self._office.read(work))

    def change(self, work: Work[T]) -> T:
        return self._wait(lambda: self._office.change(work))

    def _wait(self, begin: Callable[[], Deferred[T]]) -> T:
        return cast("T", blockingCallFromThread(self._reactor, cast("Callable[[], Any]", begin)))


class SyncDesk:
    """``chance``: 0 to 1. Whoever has it made closes it before the office."""

    def __init__(
        self,
        office: Office,
        opens: OpensRoster,
        state_dir: Path,
        mode: str,
        reactor: Reactor,
        chance: Callable[[], float],
        invites: Invites | None = None,
    ) -> None:
        self.on_end: Callable[[str, Run], object] = lambda directory, run: None
        """Told the directory's name."""
        self.on_success: Callable[[str, float], object] = lambda directory, at: None
        """Told again and again when each directory was last synced, in epoch seconds."""
        self.sections: Callable[[], list[str]] = list
        """Names of the ``[ad_client]`` sections there are now."""
        self._books = OfficeBooks(office, reactor)
        self._sync = Sync(self._books, opens, state_dir, mode, invites, lambda: self._is_closed)
        self._office = office
        self._state_dir = state_dir
        self._reactor = reactor
        self._chance = chance
        self._pool = ThreadPool(0, _AT_ONCE, "directory sync")
        self._running: set[Deferred[object]] = set()
        self._next: IDelayedCall | None = None
        self._is_closed = False

    def start(self) -> None:
        """Looks every minute; the first time somewhere within one, as there may be many daemons."""
        self._pool.start()
        self._next = self._reactor.callLater(_LOOK_EVERY * self._chance(), self._begin_look)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Ends what is running between two steps: it counts as failed."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._next is not None and self._next.active():
            self._next.cancel()
        await DeferredList(list(self._running))
        self._pool.stop()

    # ------------------------------------------------------------ on demand

    def run(self, order: Order) -> Deferred[Run]:
        """Fires when it has ended. Fails with NotFound, AlreadyRunning, StoreUnavailable."""
        return self._in_thread(lambda: self._run(order))

    async def sync_user(self, directory_id: str, username: str, actor: str = "system") -> Run:
        """One user; whether that was done is in the run. Raises NotFound, AlreadyRunning, StoreUnavailable."""
        return await self.run(Order(directory_id, Mode.USER, actor, username))

    def begin(self, order: Order) -> None:
        """As ``run``, for whoever does not wait: what becomes of it is in the list of runs."""
        self.run(order).addErrback(lambda failure: _log.warn("directory sync: {why}", why=failure.value))

    def _run(self, order: Order) -> Run:
        directory = self._books.read(lambda connection: find_directory(connection, order.directory))
        run = self._sync.run(order)
        said = _log.info if run.status == "done" else _log.error
        said(
            "directory sync of {directory}: {mode} {status}: {counts}{problem}",
            directory=directory.name, mode=run.mode, status=run.status, counts=run.counts.sentence(),
            problem=f": {run.problem}" if run.problem else "",
        )  # fmt: skip
        self._reactor.callFromThread(self.on_end, directory.name, run)  # type: ignore[no-untyped-call]
        return run

    def _in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        done = deferToThreadPool(self._reactor, self._pool, work)
        waited: Deferred[object] = Deferred()
        self._running.add(waited)

        def ended(result: T) -> T:
            self._running.discard(waited)
            waited.callback(None)
            return result

        return done.addBoth(ended)

    # ------------------------------------------------------------ by themselves

    def _begin_look(self) -> None:
        self._in_thread(self._look).addErrback(
            lambda failure: _log.error("directory sync: {why}", why=failure.value)
        ).addBoth(lambda _none: self._look_again())

    def _look_again(self) -> None:
        if not self._is_closed:
            self._next = self._reactor.callLater(_LOOK_EVERY, self._begin_look)  # type: ignore[no-untyped-call]

    def _look(self) -> None:
        """One after the other: whoever reads a directory is a burden to it."""
        for directory in self._books.read(list_directories):
            if self._is_closed:
                return
            self._clear(directory)
            mode = self._books.read(lambda connection, one=directory: due(connection, one, time.time()))  # type: ignore[misc]
            if mode is not None:
                with suppress(AuthproxyError):  # it is tried again, and the log has why
                    self._run(Order(directory.id, mode, "system"))
            last = self._books.read(lambda c, one=directory: last_run(c, one.id, *_SYNCS, status="done"))  # type: ignore[misc]
            if last is not None and last.ended is not None:
                self._tell(directory.name, last.ended)

    def _tell(self, directory: str, at: float) -> None:
        self._reactor.callFromThread(self.on_success, directory, at)  # type: ignore[no-untyped-call]

    def _clear(self, directory: Directory) -> None:
        """A run whose process is gone has failed."""
        last = self._books.read(lambda connection: last_run(connection, directory.id))
        if last is not None and last.status == "running":
            with suppress(AlreadyRunning), turn(self._state_dir, directory.id):
                self._books.change(lambda connection: fail_interrupted(connection, directory.id))


def due(connection: sa.Connection, directory: Directory, now: float) -> Mode | None:
    """What to do now; None: nothing. The first sync is an administrator's."""
    done = last_run(connection, directory.id, *_SYNCS, status="done")
    last = last_run(connection, directory.id, *_SYNCS)
    if not directory.is_enabled or not directory.interval or done is None or last is None:
        return None
    wait = directory.interval if last.status == "done" else min(directory.interval, _AFTER_FAILURE)
    if last.status == "running" or last.started + wait > now:
        return None
    full = last_run(connection, directory.id, Mode.FULL, status="done")
    return Mode.FULL if full is None or full.started + FULL_EVERY <= now else Mode.INCREMENTAL
