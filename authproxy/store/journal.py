"""The journal of decided logins: written before they are answered, read by ``authproxy explain``."""

from __future__ import annotations

import json
import string
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects.sqlite import insert

from authproxy.model import Entry, Executes, LoginRecord, SqlValue, Step, Verdict
from authproxy.store.statements import compiled
from authproxy.store.tables import login_names, logins
from authproxy.store.writer import Writer

_COLUMNS = [column.name for column in logins.columns if column.name not in ("id", "name")]
_INSERT = compiled(logins.insert().values({name: bindparam(name) for name in (*_COLUMNS, "name")}))
_KEEP_NAME = compiled(
    insert(login_names).values(username=bindparam("username"), name=bindparam("name")).on_conflict_do_nothing()
)


class StoreJournal:
    """Implements ``model.Journal``."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def record(self, login: LoginRecord) -> None:
        await self._writer.run(lambda connection: _insert(connection, login))

    def entry(self, record_of: Callable[[Verdict], LoginRecord]) -> Entry:
        return Entry(record_of, _insert)


def _insert(transaction: Executes, login: LoginRecord) -> None:
    row = _to_row(login)
    try:
        transaction.execute(_INSERT, row)
    except UnicodeEncodeError:  # half a character, from a peer's bytes
        row = {name: _encodable(value) for name, value in row.items()}
        transaction.execute(_INSERT, row)
    transaction.execute(_KEEP_NAME, {"username": row["username"], "name": row["name"]})


def _to_row(login: LoginRecord) -> dict[str, SqlValue]:
    return {
        "login_id": login.login_id,
        "at": login.at,
        "section": login.section,
        "username": login.username,
        "name": bare_name(login.username),
        "nas": login.nas,
        "client_ip": login.client_ip,
        "result": login.result,
        "reason": login.reason,
        "factor": login.factor,
        "device": login.device,
        "elapsed": login.elapsed,
        "steps": _encode([(step.stage, step.result, step.detail, round(step.at, 6)) for step in login.steps]),
    }


def _encodable(value: SqlValue) -> SqlValue:
    return _encodable_text(value) if isinstance(value, str) else value


def _encodable_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


# ---------------------------------------------------------------- readers, for commands and pages


def bare_name(username: str) -> str:
    """By which logins are found, whatever way their user was typed: without domain, in lower case."""
    bare = username.rpartition("\\")[2].partition("@")[0].strip() or username
    return bare.lower() if bare.isascii() else unicodedata.normalize("NFKC", _encodable_text(bare)).casefold()


def is_of(username: str) -> sa.ColumnElement[bool]:
    """Logins of a user, as any of them was typed; of one domain if ``username`` has one."""
    same = logins.c.name == bare_name(username)
    has_domain = "\\" in username or "@" in username
    return sa.and_(same, sa.func.lower(logins.c.username) == username.translate(_LOWER)) if has_domain else same


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # what lower() of SQLite does


def find_logins(
    connection: sa.Connection,
    *,
    login_id: str | None = None,
    username: str | None = None,
    limit: int = 20,
) -> Sequence[LoginRecord]:
    """The newest ``limit`` logins, newest first; of one ID (in any case) or one user, spelled as it was typed
    or without its domain."""
    query = sa.select(*(logins.c[name] for name in _COLUMNS)).order_by(logins.c.id.desc()).limit(limit)
    if login_id is not None:
        query = query.where(logins.c.login_id == login_id.upper())
    if username is not None:
        query = query.where(is_of(username))
    return [login_of_row(row) for row in connection.execute(query).mappings()]


def login_of_row(row: sa.RowMapping) -> LoginRecord:
    """``row``: every column of a login but its number."""
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    values["steps"] = tuple(Step(*step) for step in json.loads(values["steps"]))
    return LoginRecord(**values)
