"""Opening the database, and bringing it to this version."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from authproxy.errors import ConfigError, StoreUnavailable
from authproxy.store import tables
from authproxy.store.engine import Database, connect, open_sqlite, version
from authproxy.store.upgrade import status, upgrade


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def schema(path: Path) -> dict[str, list[str]]:
    """Every table and index, as a sorted list of its parts: the order of constraints means nothing."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: sorted(re.sub(r'[\s"()]+', " ", part).strip() for part in sql.split(",")) for name, sql in rows}


def test_a_fresh_database_is_private_complete_and_stamped(tmp_path: Path) -> None:
    path = tmp_path / "state" / "authproxy.db"
    connection = open_sqlite(url_of(path))
    assert version(connection) == tables.HEAD
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("authproxy.db-wal").stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    connection.close()


def test_a_fresh_database_is_there_in_less_than_a_tenth_of_a_second(tmp_path: Path) -> None:
    spent = []
    for attempt in range(3):
        begun = time.thread_time()  # what others use of the processor is no fault of it
        open_sqlite(url_of(tmp_path / f"{attempt}.db")).close()
        spent.append(time.thread_time() - begun)
    assert min(spent) < 0.1


def test_opening_a_database_does_not_load_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from authproxy.store.engine import Database; "
        f"Database({url_of(tmp_path / 'a.db')!r}); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_migrations_and_a_fresh_database_come_to_the_same_schema(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    open_sqlite(url_of(fresh)).close()
    assert upgrade(url_of(migrated)).found is None
    assert schema(fresh) == schema(migrated)
    assert status(url_of(migrated)).found == tables.HEAD
    assert status(url_of(migrated)).pending == ()
    assert migrated.stat().st_mode & 0o777 == 0o600
    assert upgrade(url_of(migrated)).pending == ()


def test_the_status_of_a_database_that_is_not_there_lists_what_would_run(tmp_path: Path) -> None:
    found = status(url_of(tmp_path / "none.db"))
    assert (found.found, found.wanted) == (None, tables.HEAD)
    assert found.pending[0] == "0001 the first tables"
    assert not (tmp_path / "none.db").exists()


def test_two_processes_may_create_the_database_at_once(tmp_path: Path) -> None:
    program = f"from authproxy.store.engine import Database; Database({url_of(tmp_path / 'a.db')!r})"
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert status(url_of(tmp_path / "a.db")).pending == ()


def stamp(path: Path, number: str) -> None:
    connection = open_sqlite(url_of(path))
    connection.execute("UPDATE alembic_version SET version_num = ?", (number,))
    connection.close()


def test_a_database_of_a_newer_version_is_refused_and_named_so(tmp_path: Path) -> None:
    stamp(tmp_path / "a.db", "9999")
    with pytest.raises(ConfigError, match="version 9999, written by a newer authproxy"):
        Database(url_of(tmp_path / "a.db"))
    with pytest.raises(ConfigError, match="newer authproxy"):
        upgrade(url_of(tmp_path / "a.db"))


def test_a_database_of_an_older_version_asks_for_the_upgrade(tmp_path: Path) -> None:
    stamp(tmp_path / "a.db", "0000")
    with pytest.raises(ConfigError, match="run `authproxy db upgrade`"):
        Database(url_of(tmp_path / "a.db"))


def test_a_missing_database_is_not_made_when_it_must_exist(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="can't be opened"):
        Database(url_of(tmp_path / "a.db"), create=False)
    assert not (tmp_path / "a.db").exists()


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"this was never a database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database, or is damaged: restore a backup"):
        Database(url_of(tmp_path / "a.db"))


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    theirs = sqlite3.connect(tmp_path / "a.db")
    theirs.execute("CREATE TABLE wp_posts (id)")
    theirs.commit()
    theirs.close()
    with pytest.raises(StoreUnavailable, match="not one of authproxy's"):
        Database(url_of(tmp_path / "a.db"))
    assert set(schema(tmp_path / "a.db")) == {"wp_posts"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://host/db", "postgresql is not supported yet"),
        ("authproxy.db", "not a database URL"),
        ("sqlite://", "a file is wanted"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_is_wanted(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Database(url)


def test_what_a_writer_raises_undoes_what_it_wrote(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path / "a.db"))
    row = {"key": "a", "value": "1"}
    with pytest.raises(RuntimeError), database.writing() as connection:
        connection.execute(tables.settings.insert(), row)
        raise RuntimeError
    with database.writing() as connection:
        connection.execute(tables.settings.insert(), row)
    with pytest.raises(sa.exc.IntegrityError), database.writing() as connection:
        connection.execute(tables.settings.insert(), row)
    with database.reading() as connection:
        assert connection.execute(sa.select(tables.settings)).all() == [("a", "1")]


def test_a_locked_database_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authproxy.store.engine.BUSY_SECONDS", 0.05)
    path = tmp_path / "a.db"
    database = Database(url_of(path))
    holder = connect(path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another process holds it locked"), database.writing():
        pass
    with database.reading() as connection:
        assert connection.execute(sa.select(tables.settings)).all() == []
    holder.close()


SECOND = """\"\"\"a note for every group

Revision ID: 0002
\"\"\"

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("more", sa.Text()))
    LATER
"""


@pytest.fixture
def two_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Migrations with a second version beside the first; gives the second's file."""
    scripts = tmp_path / "migrations"
    shutil.copytree(Path(tables.__file__).with_name("migrations"), scripts)
    monkeypatch.setattr("authproxy.store.upgrade._SCRIPTS", scripts)
    monkeypatch.setattr("authproxy.store.tables.HEAD", "0002")
    return scripts / "versions" / "v0002_more.py"


def filled(path: Path) -> None:
    upgrade_to_first = open_sqlite(url_of(path))
    upgrade_to_first.execute("INSERT INTO users (id, username, display_name, created) VALUES ('US1', 'a', 'A', 1)")
    upgrade_to_first.execute("INSERT INTO groups (id, name, created) VALUES ('GR1', 'staff', 1)")
    upgrade_to_first.execute("INSERT INTO user_groups VALUES ('US1', 'GR1')")
    upgrade_to_first.close()


def test_an_upgrade_keeps_the_rows_and_leaves_a_private_copy_of_before(
    tmp_path: Path, two_versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    with monkeypatch.context() as patch:
        patch.setattr("authproxy.store.tables.HEAD", "0001")
        filled(path)
    two_versions.write_text(SECOND.replace("LATER", ""))
    assert upgrade(url_of(path)).pending == ("0002 a note for every group",)
    database = Database(url_of(path))
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT id, more FROM users").all() == [("US1", None)]
        assert connection.exec_driver_sql("SELECT * FROM user_groups").all() == [("US1", "GR1")]
    copy = tmp_path / "a.db.0001.bak"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert "more" not in " ".join(schema(copy)["users"])
    assert len(schema(copy)) == len(schema(path))


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, two_versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    with monkeypatch.context() as patch:
        patch.setattr("authproxy.store.tables.HEAD", "0001")
        filled(path)
    before = schema(path)
    two_versions.write_text(SECOND.replace("LATER", "raise RuntimeError"))
    with pytest.raises(RuntimeError):
        upgrade(url_of(path))
    assert schema(path) == before
    two_versions.write_text(SECOND.replace("LATER", "op.execute('DELETE FROM groups')"))
    with pytest.raises(StoreUnavailable, match="1 rows pointing nowhere: nothing changed"):
        upgrade(url_of(path))
    assert schema(path) == before
    assert status(url_of(path)).found == "0001"
