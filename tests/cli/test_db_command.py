"""``authproxy db``."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from authproxy.store import tables
from tests.cli.console import Console


@pytest.fixture
def file(console: Console) -> str:
    return str(console.state / "authproxy.db")


def test_the_status_of_a_database_that_is_not_there_changes_nothing(console: Console, file: str) -> None:
    status = console.json("db", "status")
    assert set(status) == {"database", "version", "wanted", "pending"}
    assert (status["database"], status["version"], status["wanted"]) == (file, None, tables.HEAD)
    assert status["pending"][0].startswith("0001 ")
    assert console.run("db", "status").splitlines()[0] == f"{file}: empty, wanted {tables.HEAD}"
    assert not console.state.exists()


def test_an_upgrade_is_run_once_and_recorded(console: Console, file: str) -> None:
    first = console.json("db", "upgrade")
    assert set(first) == {"database", "before", "version", "done", "copy"}
    assert (first["before"], first["version"], first["copy"]) == (None, tables.HEAD, None)
    assert (first["done"][0].split()[0], first["done"][-1].split()[0]) == ("0001", tables.HEAD)
    assert console.json("db", "upgrade") == {**first, "before": tables.HEAD, "done": []}
    assert console.run("db", "upgrade") == f"{file}: version {tables.HEAD}\n"
    assert console.json("db", "status")["pending"] == []
    assert console.run("db", "status") == f"{file}: version {tables.HEAD}, wanted {tables.HEAD}\n"
    assert console.audit() == [("db upgrade", "", {"before": None, "after": tables.HEAD})]


NEXT = f"{int(tables.HEAD) + 1:04}"
LATER = f"""\"\"\"more about users

Revision ID: {NEXT}
\"\"\"

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{tables.HEAD}"


def upgrade() -> None:
    op.add_column("users", sa.Column("more", sa.Text()))
"""


def test_a_database_that_holds_something_is_copied_before(
    console: Console, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = tables.HEAD
    console.run("user", "add", "alice")
    scripts = tmp_path / "migrations"
    shutil.copytree(Path(tables.__file__).with_name("migrations"), scripts)
    (scripts / "versions" / f"v{NEXT}_more.py").write_text(LATER)
    monkeypatch.setattr("authproxy.store.upgrade._SCRIPTS", scripts)
    monkeypatch.setattr("authproxy.store.tables.HEAD", NEXT)
    assert "run `authproxy db upgrade`" in console.fails("user", "list")
    assert console.run("db", "status").splitlines()[1] == f"to be run: {NEXT} more about users"
    assert console.run("db", "upgrade").splitlines() == [
        f"done: {NEXT} more about users",
        f"the database from before is {file}.{current}.bak",
        f"{file}: version {NEXT}",
    ]
    assert Path(f"{file}.{current}.bak").stat().st_mode & 0o777 == 0o600
    assert console.rows("SELECT username, more FROM users") == [("alice", None)]
    assert console.audit()[-1] == ("db upgrade", "", {"before": current, "after": NEXT})


def change(file: str, sql: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute(sql)
    database.close()


def test_a_database_of_a_newer_version_is_refused(console: Console, file: str) -> None:
    console.run("db", "upgrade")
    change(file, "UPDATE alembic_version SET version_num = '9999'")
    for command in ("status", "upgrade"):
        assert console.fails("db", command) == "the database is at version 9999, written by a newer authproxy"


def test_somebody_elses_file_is_left_alone(console: Console, file: str) -> None:
    console.state.mkdir()
    change(file, "CREATE TABLE theirs (id)")
    assert console.fails("db", "upgrade") == "the file is a database, but not one of authproxy's"


def test_commands_do_not_load_alembic(console: Console) -> None:
    program = (
        "import sys\nfrom authproxy.cli import main\n"
        "try: main(['token', 'list', '--config', sys.argv[1]])\n"
        "finally: print([name for name in ('alembic', 'twisted.web') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(console.config)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["no tokens", "[]"], done.stderr


def test_what_is_old_is_deleted_at_once_and_that_is_recorded(console: Console) -> None:
    console.run("user", "add", "alice")
    console.run("settings", "set", "audit_retention_days=1")
    with console.writing() as connection:
        connection.execute(tables.audit.update().where(tables.audit.c.action == "user add").values(at=1.0))
    assert console.run("db", "prune", "--dry-run") == "would delete 1 audit\n"
    assert console.json("db", "prune", "--dry-run") == {"would_delete": {"audit": 1}}
    assert console.run("db", "prune") == "deleted 1 audit\n"
    assert [action for action, _about, _detail in console.audit()] == ["settings change", "db prune"]
    assert console.json("db", "prune") == {"deleted": {}}
    assert console.run("db", "prune") == "deleted nothing\n"
