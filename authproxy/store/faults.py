"""What SQLite's errors mean to the person who reads the log."""

from __future__ import annotations

import sqlite3

from authproxy.errors import StoreUnavailable

_MEANING = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the file or its directory is read-only",
    "SQLITE_CANTOPEN": "it can't be opened: does the directory exist, and may this user write there?",
    "SQLITE_PERM": "this user may not open it",
    "SQLITE_BUSY": "another process holds it locked",
    "SQLITE_LOCKED": "it is locked",
    "SQLITE_CORRUPT": "the file is damaged: restore a backup",
    "SQLITE_NOTADB": "the file is not a database, or is damaged: restore a backup",
    "SQLITE_IOERR": "the disk reports an error",
    "SQLITE_READONLY_DBMOVED": "the file was deleted or replaced while in use: restart authproxy",
}


def explain_fault(error: sqlite3.Error, path: str) -> StoreUnavailable:
    """One clear line for a fault of the database itself."""
    name = getattr(error, "sqlite_errorname", None) or ""
    primary = "_".join(name.split("_")[:2])
    meaning = _MEANING.get(name) or _MEANING.get(primary)
    text = f"{meaning} ({error})" if meaning else str(error) or type(error).__name__
    return StoreUnavailable(f"database {path}: {text}")


_CALLERS_OWN = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)


def is_fault(error: BaseException) -> bool:
    """Whether the database failed, as opposed to a statement that was wrong or broke a constraint."""
    if not isinstance(error, sqlite3.Error) or isinstance(error, _CALLERS_OWN):
        return False
    return getattr(error, "sqlite_errorname", None) != "SQLITE_ERROR" or "no such table" in str(error)
