"""The writer: in order, together, on disk before it says so; and what it does when the disk fails."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.errors import StoreUnavailable
from authproxy.store.engine import connect, open_sqlite
from authproxy.store.statements import Connection
from authproxy.store.writer import Writer

PUT = "INSERT INTO settings VALUES (:key, :value)"


def put(key: str, value: str = "1") -> Callable[[Connection], str]:
    def job(connection: Connection) -> str:
        connection.execute(PUT, {"key": key, "value": value})
        return key

    return job


def keys(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT key FROM settings")}
    connection.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "authproxy.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor)
    writer.start()
    yield writer
    pytest_twisted.blockon(writer.stop())


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("authproxy"):
            lines.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


@pytest_twisted.ensureDeferred
async def test_a_job_is_on_disk_when_its_deferred_fires(writer: Writer, path: Path) -> None:
    assert await writer.run(put("a")) == "a"
    assert keys(path) == {"a"}


@pytest_twisted.ensureDeferred
async def test_jobs_run_in_order_and_share_commits(writer: Writer, path: Path) -> None:
    results = await gatherResults([writer.run(put(str(n))) for n in range(500)])
    assert results == [str(n) for n in range(500)]
    assert len(keys(path)) == 500
    assert writer.commits < 100


@pytest_twisted.ensureDeferred
async def test_a_job_that_raises_fails_alone(writer: Writer, path: Path) -> None:
    wanted = ["a", "b", "a", "c"]
    results = await DeferredList([writer.run(put(key)) for key in wanted], consumeErrors=True)
    assert [success for success, _ in results] == [True, True, False, True]
    assert isinstance(results[2][1].value, sqlite3.IntegrityError)
    assert keys(path) == {"a", "b", "c"}


@pytest_twisted.ensureDeferred
async def test_a_programming_error_in_a_job_reaches_its_caller_and_no_other(writer: Writer) -> None:
    broken: Deferred[float] = writer.run(lambda connection: 1 / 0)
    unbound = writer.run(lambda connection: connection.execute(PUT, {}).rowcount)
    good = writer.run(put("a"))
    with pytest.raises(ZeroDivisionError):
        await broken
    with pytest.raises(sqlite3.ProgrammingError):
        await unbound
    assert await good == "a"


@pytest_twisted.ensureDeferred
async def test_a_job_that_was_given_up_before_its_turn_is_not_run(writer: Writer, path: Path) -> None:
    holder = connect(path)
    holder.execute("BEGIN IMMEDIATE")  # keeps the writer busy
    first = writer.run(put("first"))
    given_up = writer.run(put("given up"))
    given_up.cancel()
    with pytest.raises(CancelledError):
        await given_up
    holder.execute("COMMIT")
    holder.close()
    await first
    await writer.run(put("last"))
    assert keys(path) in ({"first", "last"}, {"first", "last", "given up"})  # it may have been taken already


@pytest_twisted.ensureDeferred
async def test_stopping_finishes_what_was_asked_for_then_refuses(path: Path) -> None:
    writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor)
    writer.start()
    asked = [writer.run(put(str(n))) for n in range(200)]
    await writer.stop()
    assert len(await gatherResults(asked)) == 200
    assert len(keys(path)) == 200
    with pytest.raises(StoreUnavailable, match="it is closed"):
        await writer.run(put("late"))
    await writer.stop()


@pytest_twisted.ensureDeferred
async def test_too_many_waiting_jobs_are_refused_at_once_and_logged_once(path: Path, log_lines: list[str]) -> None:
    writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor, most_waiting=3)
    asked = [writer.run(put(str(n))) for n in range(10)]  # not started yet: they wait
    assert sum(waiting.called for waiting in asked) == 7
    writer.start()
    results = await DeferredList(asked, consumeErrors=True)
    assert [success for success, _ in results] == [True] * 3 + [False] * 7
    assert keys(path) == {"0", "1", "2"}
    assert len(log_lines) == 1
    assert "3 jobs are waiting already" in log_lines[0]
    await writer.stop()


# ---------------------------------------------------------------- faults


@pytest_twisted.ensureDeferred
async def test_a_full_database_refuses_until_there_is_room_again(path: Path, log_lines: list[str]) -> None:
    connection = open_sqlite(f"sqlite:///{path}")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    writer = Writer(path, connection, reactor)
    writer.start()
    for attempt in range(3):
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await writer.run(put(f"big{attempt}", "x" * 100_000))
    assert keys(path) == set()
    assert len(log_lines) == 1
    await writer.run(lambda connection: connection.execute("SELECT 1").fetchone())
    await writer.stop()


@pytest_twisted.ensureDeferred
async def test_a_database_that_was_deleted_under_us_accepts_nothing(writer: Writer, path: Path) -> None:
    await writer.run(put("before"))
    path.unlink()
    with pytest.raises(StoreUnavailable, match="deleted or replaced while in use: restart authproxy"):
        await writer.run(put("after"))


@pytest_twisted.ensureDeferred
async def test_a_database_that_was_replaced_under_us_accepts_nothing(writer: Writer, path: Path) -> None:
    await writer.run(put("before"))
    other = path.with_name("other.db")
    open_sqlite(f"sqlite:///{other}").close()
    os.replace(other, path)
    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        await writer.run(put("after"))


@pytest_twisted.ensureDeferred
async def test_a_write_ahead_log_that_was_deleted_under_us_accepts_nothing(writer: Writer, path: Path) -> None:
    await writer.run(put("before"))
    path.with_name("authproxy.db-wal").unlink()
    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        await writer.run(put("after"))


@pytest_twisted.ensureDeferred
async def test_a_damaged_database_accepts_nothing(path: Path) -> None:
    connection = open_sqlite(f"sqlite:///{path}")
    connection.executescript(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        "INSERT INTO settings SELECT 'key' || i, hex(randomblob(50)) FROM n;"
    )
    connection.close()
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(-size // 4, os.SEEK_END)  # rows of settings; the schema stays readable
        file.write(b"\xff" * (size // 4))
    writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor)
    writer.start()
    with pytest.raises(StoreUnavailable, match="the file is damaged: restore a backup"):
        await writer.run(lambda connection: connection.execute("SELECT * FROM settings ORDER BY value").fetchall())
    await writer.stop()


@pytest_twisted.ensureDeferred
async def test_a_database_held_locked_by_another_process_is_reported_as_such(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authproxy.store.engine.BUSY_SECONDS", 0.05)
    writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor)
    writer.start()
    holder = connect(path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another process holds it locked"):
        await writer.run(put("a"))
    holder.execute("COMMIT")
    holder.close()
    assert await writer.run(put("a")) == "a"
    await writer.stop()


IN_A_PROCESS = """
    import os, resource, signal, sys
    from pathlib import Path
    from twisted.internet import asyncioreactor
    asyncioreactor.install()
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from authproxy.store.engine import open_sqlite
    from authproxy.store.writer import Writer

    path = Path(sys.argv[1])

    async def main():
        writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor)
        writer.start()
        insert = "INSERT INTO settings VALUES (:key, :value)"
        await writer.run(lambda c: c.execute(insert, {"key": "before", "value": "1"}).rowcount)
        BREAK
        for n in range(100):
            row = {"key": f"k{n}", "value": "x" * 20_000}
            try:
                await writer.run(lambda c: c.execute(insert, row).rowcount)
            except Exception as error:
                print(n, type(error).__name__, error)
                break
        await writer.stop()

    def fail(failure):
        print(failure.getTraceback())

    def begin():
        Deferred.fromCoroutine(main()).addErrback(fail).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
"""


def run_broken(path: Path, fault: str) -> str:
    program = textwrap.dedent(IN_A_PROCESS).replace("BREAK", fault)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_a_disk_that_takes_no_more_bytes_stops_the_writer_from_saying_yes(path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse the write itself."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
    told = run_broken(path, limit)
    assert "StoreUnavailable" in told, told
    assert "the disk reports an error" in told or "the disk is full" in told
    count = int(told.split()[0])
    assert keys(path) == {"before"} | {f"k{n}" for n in range(count)}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_a_directory_this_user_may_not_write_to_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    path = tmp_path / "state" / "authproxy.db"
    program = (
        "import os, sys; from authproxy.store.engine import Database; os.setuid(65534)\n"
        f"try: Database('sqlite:///{path}')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("StoreUnavailable"), done
    assert "can't be created: Permission denied" in done.stdout
    open_sqlite(f"sqlite:///{path}").close()
    path.chmod(0o644)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("StoreUnavailable"), done
    assert "read-only" in done.stdout or "can't be opened" in done.stdout
