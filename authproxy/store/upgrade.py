"""Bringing a database to this version. The only module that imports Alembic, which is slow to load."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from authproxy.errors import ConfigError, StoreUnavailable
from authproxy.store import tables
from authproxy.store.engine import connect, make_file, sqlite_path, version
from authproxy.store.faults import explain_fault

_SCRIPTS = Path(__file__).with_name("migrations")


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """``found`` is None for a database that is empty or not there yet."""

    found: str | None
    wanted: str
    pending: tuple[str, ...]
    """Migrations to be run, oldest first, as ``0002 what it does``."""


def status(url: str) -> SchemaStatus:
    """Raises ConfigError, StoreUnavailable."""
    path = sqlite_path(url)
    if not path.exists():
        return SchemaStatus(None, tables.HEAD, _pending(None))
    with _opened(path) as raw:
        found = version(raw)
    return SchemaStatus(found, tables.HEAD, _pending(found))


def upgrade(url: str) -> SchemaStatus:
    """Runs what is pending, all of it or nothing, and tells the status from before.

    A database that had tables is first copied to ``<file>.<version>.bak``.
    Raises ConfigError (written by a newer version), StoreUnavailable.
    """
    path = sqlite_path(url)
    make_file(path)
    before = status(url)
    if not before.pending:
        return before
    with _opened(path) as raw:
        if before.found is not None:
            _back_up(raw, Path(f"{path}.{before.found}.bak"))
        _run(raw)
    return before


def _run(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA foreign_keys = OFF")  # a table that is copied is dropped and renamed
    engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=NullPool)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection, connection.begin():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise StoreUnavailable(
                f"the migration would leave {len(broken)} rows pointing nowhere: nothing changed"
            )


def _back_up(raw: sqlite3.Connection, copy: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        copy.unlink()
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    raw.execute("VACUUM INTO ?", (str(copy),))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _pending(found: str | None) -> tuple[str, ...]:
    scripts = ScriptDirectory.from_config(_config())
    known = [script.revision for script in scripts.walk_revisions()]
    if found is not None and found not in known:
        raise ConfigError(f"the database is at version {found}, written by a newer authproxy")
    return tuple(
        f"{script.revision} {script.doc}"
        for script in reversed(list(scripts.walk_revisions()))
        if found is None or script.revision > found
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    raw = connect(path)
    try:
        yield raw
    except sqlite3.Error as error:
        raise explain_fault(error, str(path)) from error
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise explain_fault(error.orig, str(path)) from error
        raise
    finally:
        raw.close()
