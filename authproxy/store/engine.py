"""Opening the database: create, check its version, and hand out connections.

The daemon's hot path runs on raw connections (:func:`connect`); the shell's side uses :class:`Database`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from authproxy.errors import AuthproxyError, ConfigError, StoreUnavailable
from authproxy.store import tables
from authproxy.store.faults import explain_fault, is_fault

BUSY_SECONDS = 5.0
_VERSION_TABLE = "alembic_version"


def sqlite_path(url: str) -> Path:
    """The file that a ``sqlite:///...`` URL names. Raises ConfigError for anything else."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError(f"database: {url!r} is not a database URL; wanted sqlite:////path/to/file.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"database: {parsed.get_backend_name()} is not supported yet; wanted sqlite:///...")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("database: a file is wanted, as in sqlite:////var/lib/authproxy/authproxy.db")
    return Path(parsed.database)


def connect(path: Path) -> sqlite3.Connection:
    """A raw connection in manual transaction mode: WAL, every commit on disk before it returns.

    May be handed from one thread to another, but used by one at a time. Raises StoreUnavailable.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cache_size = -8000")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explain_fault(error, str(path)) from error
    return connection


def open_sqlite(url: str, *, create: bool = True, check: bool = True) -> sqlite3.Connection:
    """A raw connection to a database that is there, ours, and of this version.

    ``create``: make file and tables if there are none. ``check=False``: any version will do.
    Raises ConfigError (wrong version, wrong URL) and StoreUnavailable (can't be opened).
    """
    path = sqlite_path(url)
    if create:
        make_file(path)
    connection = connect(path)
    try:
        found = version(connection)
        if found is None and create:
            found = _create_tables(connection)
        if check:
            _check_version(found, path)
    except sqlite3.Error as error:
        connection.close()
        raise explain_fault(error, str(path)) from error
    except AuthproxyError:
        connection.close()
        raise
    return connection


def open_for_writing(url: str) -> sqlite3.Connection:
    """As :func:`open_sqlite`, and sure that it can write. Raises ConfigError and StoreUnavailable.

    SQLite opens a file that it may only read without a word, and even begins a transaction on it.
    """
    connection = open_sqlite(url)
    try:
        connection.execute(f"DELETE FROM {_VERSION_TABLE} WHERE FALSE")  # noqa: S608
    except sqlite3.Error as error:
        connection.close()
        raise explain_fault(error, str(sqlite_path(url))) from error
    return connection


def version(connection: sqlite3.Connection) -> str | None:
    """The migration this database is at; None when it is empty.

    Raises StoreUnavailable when there are tables but no version.
    """
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if _VERSION_TABLE in names:
        row = connection.execute(f"SELECT version_num FROM {_VERSION_TABLE}").fetchone()  # noqa: S608
        if row is not None:
            return str(row[0])
    if names - {_VERSION_TABLE}:
        raise StoreUnavailable("the file is a database, but not one of authproxy's")
    return None


def _check_version(found: str | None, path: Path) -> None:
    if found is None:
        raise ConfigError(f"database {path}: it is empty; run `authproxy db upgrade`")
    if found < tables.HEAD:
        raise ConfigError(
            f"database {path}: it is at version {found}, wanted {tables.HEAD}; run `authproxy db upgrade`"
        )
    if found > tables.HEAD:
        raise ConfigError(
            f"database {path}: it is at version {found}, written by a newer authproxy; "
            f"this one knows {tables.HEAD}"
        )


def make_file(path: Path) -> None:
    """The file and its directory, readable by this user only."""
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"database {path}: can't be created: {error.strerror}") from error


def _create_tables(connection: sqlite3.Connection) -> str:
    """All tables at once, stamped with the newest version. Alembic, slow to import, is not needed for this."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version(connection)  # another process may have been faster
        if found is None:
            for statement in creation_statements():
                connection.execute(statement)
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {_VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
                f"CONSTRAINT {_VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
            )
            connection.execute(f"INSERT INTO {_VERSION_TABLE} VALUES (?)", (tables.HEAD,))  # noqa: S608
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return found or tables.HEAD


def creation_statements() -> list[str]:
    dialect = sqlite_dialect.dialect()
    statements: list[str] = []
    for table in tables.metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            statements.append(str(CreateIndex(index).compile(dialect=dialect)))  # noqa: PERF401
    return statements


@contextlib.contextmanager
def glance(path: Path) -> Iterator[sa.Connection]:
    """A connection that can't write, to a file that is there, of whichever version. SQLAlchemy's errors pass."""

    def connecting() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)

    engine = sa.create_engine("sqlite://", creator=connecting, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


class Database:
    """The database for synchronous callers: commands, imports, tests.

    A writer holds the lock from the start (``BEGIN IMMEDIATE``), so that it waits its turn rather than fail
    half way. ``IntegrityError`` of SQLAlchemy passes through; faults of the database become StoreUnavailable.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        """Raises ConfigError (wrong version or URL), StoreUnavailable (can't be opened)."""
        self.path = sqlite_path(url)
        open_sqlite(url, create=create).close()
        self.engine = sa.create_engine("sqlite://", creator=lambda: connect(self.path), poolclass=NullPool)
        sa.event.listen(self.engine, "begin", _begin)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A connection that may write; committed at the end, rolled back by an exception."""
        with self._translated(), self.engine.connect() as connection:
            connection = connection.execution_options(authproxy_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        self.engine.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error) and is_fault(error.orig):
                raise explain_fault(error.orig, str(self.path)) from error
            raise
        except sqlite3.Error as error:
            raise explain_fault(error, str(self.path)) from error


def _begin(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("authproxy_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
