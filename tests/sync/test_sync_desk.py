"""Syncs in the daemon: when it is time, one at a time, with their figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from authproxy.secondfactor.directories import Directory, add_directory, find_directory
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.roster import Cursor, Entry, Reading, Roster, Source
from authproxy.secondfactor.sync_desk import FULL_EVERY, SyncDesk, due
from authproxy.secondfactor.sync_order import Order
from authproxy.secondfactor.sync_runs import Mode, Run, list_runs
from authproxy.store.engine import Database
from authproxy.store.tables import sync_runs

DAY = 86_400.0
_KEY = "00000000-0000-0000-0000-00000000000"


class Village:
    """A directory of two people."""

    def __init__(self) -> None:
        self.read_with: list[Cursor] = []

    def read(self, _source: Source, cursor: Cursor) -> Reading:
        self.read_with.append(cursor)
        people = [
            Entry(f"00000000-0000-0000-0000-00000000000{n}", f"cn={n}", {"username": (f"u{n}",)}) for n in (1, 2)
        ]
        return Reading((), iter([] if cursor else people), not cursor, lambda: {"stamp": "x"})

    def find(self, _source: Source, username: str, _key: str) -> Reading:
        found = [Entry(f"{_KEY}9", "cn=9", {"username": (username,)})]
        return Reading((), iter(found), False, dict)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'authproxy.db'}")
    yield database
    database.close()


def add(database: Database, **values: Any) -> Directory:
    with database.writing() as connection:
        return add_directory(connection, Directory("office", kind="openldap", **values))


def ran(database: Database, directory: Directory, *runs: tuple[str, str, float]) -> None:
    """``runs``: mode, status, and when."""
    with database.writing() as connection:
        for mode, status, at in runs:
            connection.execute(sync_runs.insert().values(
                directory_id=directory.id, mode=mode, status=status, started=at, ended=at
            ))  # fmt: skip


@pytest.mark.parametrize(
    ("runs", "now", "mode"),
    [
        ([], 10 * DAY, None),  # the first one is an administrator's
        ([("dry", "done", 0.0), ("user", "done", 0.0)], 10 * DAY, None),
        ([("full", "failed", 0.0)], 10 * DAY, None),
        ([("full", "done", 0.0)], 3599.0, None),
        ([("full", "done", 0.0)], 3600.0, Mode.INCREMENTAL),
        ([("full", "done", 0.0)], FULL_EVERY, Mode.FULL),
        ([("full", "done", 0.0), ("incremental", "done", FULL_EVERY)], FULL_EVERY + 3600, Mode.FULL),
        ([("full", "done", 0.0), ("incremental", "failed", 3600.0)], 3600.0 + 899, None),
        ([("full", "done", 0.0), ("incremental", "refused", 3600.0)], 3600.0 + 900, Mode.INCREMENTAL),
        ([("full", "done", 0.0), ("full", "running", 3600.0)], 10 * DAY, None),
    ],
)
def test_when_it_is_time(
    database: Database, runs: list[tuple[str, str, float]], now: float, mode: Mode | None
) -> None:
    directory = add(database, interval=3600)
    ran(database, directory, *runs)
    with database.reading() as connection:
        assert due(connection, directory, now) == mode


@pytest.mark.parametrize("values", [{"is_enabled": False}, {"interval": 0}])
def test_it_is_never_time_for_who_is_not_scheduled(database: Database, values: dict[str, Any]) -> None:
    directory = add(database, **values)
    ran(database, directory, ("full", "done", 0.0))
    with database.reading() as connection:
        assert due(connection, directory, 10 * DAY) is None


class Opened:
    def __init__(self, desk: SyncDesk, village: Village) -> None:
        self.desk = desk
        self.village = village
        self.ended: list[tuple[str, str]] = []
        self.succeeded: list[str] = []


@pytest_twisted.async_yield_fixture
async def opened(tmp_path: Path, database: Database) -> AsyncIterator[Opened]:
    from twisted.internet import reactor

    village = Village()

    @contextmanager
    def opens(_client: str) -> Iterator[Roster]:
        yield village

    office = Office(Database(f"sqlite:///{tmp_path / 'authproxy.db'}"), reactor, lambda: None)  # type: ignore[arg-type]
    desk = SyncDesk(office, opens, tmp_path, "simple", reactor, lambda: 0.0)  # type: ignore[arg-type]
    made = Opened(desk, village)

    def on_end(directory: str, run: Run) -> None:
        made.ended.append((directory, run.status))

    desk.on_end = on_end
    desk.on_success = lambda directory, _at: made.succeeded.append(directory)
    yield made
    await desk.close()
    office.close()


async def until(condition: Any) -> None:
    from twisted.internet import reactor

    for _ in range(400):
        if condition():
            return
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]
    raise AssertionError("it did not happen")


@pytest_twisted.ensureDeferred
async def test_the_daemon_syncs_when_it_is_time_and_fails_what_was_interrupted(
    opened: Opened, database: Database
) -> None:
    directory = add(database)
    ran(database, directory, ("full", "done", 1.0), ("full", "running", 2.0))
    opened.desk.start()
    await until(lambda: opened.succeeded)
    assert opened.ended == [("office", "done")]
    with database.reading() as connection:
        runs = list_runs(connection, directory.id, Window()).rows
    assert [(run.mode, run.status) for run in runs] == [("full", "done"), ("full", "failed"), ("full", "done")]
    assert runs[0].counts.added == 2


@pytest_twisted.ensureDeferred
async def test_one_user_for_the_api(opened: Opened, database: Database) -> None:
    directory = add(database)
    opened.desk.start()
    run = await opened.desk.sync_user(directory.id, "nine", "api:DI")
    assert (run.status, run.mode, run.counts.added) == ("done", "user", 1)
    with pytest.raises(NotFound):
        await opened.desk.sync_user("DC0", "nine")


@pytest_twisted.ensureDeferred
async def test_the_cursor_of_a_run_is_where_the_next_one_begins(opened: Opened, database: Database) -> None:
    directory = add(database)
    opened.desk.start()
    for _ in range(2):
        await opened.desk.run(Order(directory.name, Mode.INCREMENTAL, "system"))
    assert opened.village.read_with == [{}, {"stamp": "x"}]
    with database.writing() as connection:
        found = find_directory(connection, directory.id)
        assert list_runs(connection, found.id, Window()).rows[0].mode == "incremental"


@pytest_twisted.ensureDeferred
async def test_closing_waits_for_what_is_running(opened: Opened, database: Database) -> None:
    directory = add(database)
    opened.desk.start()
    begun: Deferred[Run] = opened.desk.run(Order(directory.id, Mode.FULL, "system"))
    await opened.desk.close()
    assert begun.called
    assert (await begun).status in ("failed", "done")
