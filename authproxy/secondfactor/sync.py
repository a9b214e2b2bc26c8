"""One sync: a directory is read to its end, then what it says is carried out in small steps.

It blocks, in a thread of its own. Nothing is changed before everything has been read: a directory that fails half
way has no effect. Between two steps logins have their turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from authproxy.errors import AuthproxyError
from authproxy.secondfactor.directories import find_directory
from authproxy.secondfactor.roster import OpensRoster
from authproxy.secondfactor.sync_clerk import Invites
from authproxy.secondfactor.sync_job import Job
from authproxy.secondfactor.sync_order import Books, Order, Refused, Unwatched, Watches
from authproxy.secondfactor.sync_runs import Run, begin_run
from authproxy.secondfactor.sync_turn import turn


@dataclass(frozen=True, slots=True)
class Sync:
    """``mode``: ``username_normalization``. ``is_halted``: the process wants to end."""

    books: Books
    opens: OpensRoster
    state_dir: Path
    mode: str
    invites: Invites | None = None
    is_halted: Callable[[], bool] = lambda: False
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def run(self, order: Order, watcher: Watches | None = None) -> Run:
        """What came of it; a directory that can't be read is a failed run. Raises NotFound, AlreadyRunning,
        StoreUnavailable."""
        directory = self.books.read(lambda connection: find_directory(connection, order.directory))
        with turn(self.state_dir, directory.id):
            run_id = self.books.change(lambda connection: begin_run(connection, directory, order.mode))
            job = Job(self, directory, order, run_id, watcher or Unwatched())
            status, problem = "done", ""
            try:
                job.perform()
            except Refused as error:
                status, problem = "refused", str(error)
            except AuthproxyError as error:
                status, problem = "failed", str(error)
            except BaseException:
                self.books.change(lambda connection: job.end(connection, "failed", "a fault; the log has more"))
                raise
            return self.books.change(lambda connection: job.end(connection, status, problem))
