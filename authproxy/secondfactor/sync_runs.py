"""The runs of syncs: what each has read and changed, and why it did not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.listing import Listing, Window
from authproxy.store.tables import sync_runs

MOST_LINES: Final = 200


class Mode(StrEnum):
    """``DRY``: everything is read, and told what would be done."""

    FULL = "full"
    INCREMENTAL = "incremental"
    DRY = "dry"
    USER = "user"


@dataclass(slots=True)
class Counts:
    """Of people. ``skipped``: entries that can't be users; ``lines``: what is wrong with them, with people whose
    names are taken (``conflicts``), and what a dry run would do; the first of many."""

    read: int = 0
    added: int = 0
    changed: int = 0
    disabled: int = 0
    enabled: int = 0
    adopted: int = 0
    unchanged: int = 0
    conflicts: int = 0
    skipped: int = 0
    lines: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        if len(self.lines) < MOST_LINES:
            self.lines.append(line)

    def numbers(self) -> Iterator[tuple[str, int]]:
        for name, value in asdict(self).items():
            if isinstance(value, int):
                yield name, value

    def sentence(self) -> str:
        """All that is not zero."""
        return ", ".join(f"{value} {name}" for name, value in self.numbers() if value) or "0 read"


@dataclass(frozen=True, slots=True)
class Run:
    """Times in epoch seconds. ``status``: running, done, refused, failed."""

    id: int
    directory_id: str
    mode: str
    started: float
    ended: float | None
    status: str
    counts: Counts
    problem: str


def begin_run(connection: sa.Connection, directory: Directory, mode: Mode) -> int:
    """Its ID. Runs that never ended have been interrupted: whoever begins one holds the turn."""
    fail_interrupted(connection, directory.id)
    values = {"directory_id": directory.id, "mode": mode, "started": time.time(), "status": "running"}
    made = connection.execute(sync_runs.insert().values(**values).returning(sync_runs.c.id)).scalar_one()
    return int(made)


def fail_interrupted(connection: sa.Connection, directory_id: str) -> int:
    """How many."""
    running = sa.and_(sync_runs.c.directory_id == directory_id, sync_runs.c.status == "running")
    values = {"status": "failed", "ended": time.time(), "problem": "interrupted: the process ended"}
    return connection.execute(sync_runs.update().where(running).values(**values)).rowcount


def note_progress(connection: sa.Connection, run_id: int, counts: Counts) -> None:
    connection.execute(
        sync_runs.update().where(sync_runs.c.id == run_id).values(counts=json.dumps(dict(counts.numbers())))
    )


def end_run(
    connection: sa.Connection, run_id: int, status: str, counts: Counts, problem: str = "", mode: str = ""
) -> Run:
    """``mode``: what it turned out to be."""
    values: dict[str, object] = {
        "status": status, "ended": time.time(), "counts": json.dumps(asdict(counts)), "problem": problem,
    }  # fmt: skip
    if mode:
        values["mode"] = mode
    connection.execute(sync_runs.update().where(sync_runs.c.id == run_id).values(**values))
    return _run(connection.execute(sa.select(sync_runs).where(sync_runs.c.id == run_id)).one())


def list_runs(connection: sa.Connection, directory_id: str, window: Window) -> Listing[Run]:
    """Newest first."""
    theirs = sync_runs.c.directory_id == directory_id
    query = sa.select(sync_runs).where(theirs).order_by(sync_runs.c.id.desc())
    rows = connection.execute(query.limit(window.limit).offset(window.offset))
    total = connection.execute(sa.select(sa.func.count()).select_from(sync_runs).where(theirs)).scalar_one()
    return Listing(tuple(map(_run, rows)), total)


def find_run(connection: sa.Connection, directory_id: str, run_id: int) -> Run | None:
    mine = sa.and_(sync_runs.c.directory_id == directory_id, sync_runs.c.id == run_id)
    row = connection.execute(sa.select(sync_runs).where(mine)).first()
    return _run(row) if row else None


def last_run(connection: sa.Connection, directory_id: str, *modes: Mode, status: str = "") -> Run | None:
    """Any, or of these modes and that status."""
    wanted = [sync_runs.c.directory_id == directory_id]
    wanted += [sync_runs.c.mode.in_(modes)] if modes else []
    wanted += [sync_runs.c.status == status] if status else []
    row = connection.execute(sa.select(sync_runs).where(*wanted).order_by(sync_runs.c.id.desc()).limit(1)).first()
    return _run(row) if row else None


def _run(row: sa.Row[Any]) -> Run:
    counts = json.loads(row.counts)
    return Run(
        row.id, row.directory_id, row.mode, row.started, row.ended, row.status, Counts(**counts), row.problem
    )
