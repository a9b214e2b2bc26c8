"""Users from a file: every row checked by itself, then all added or none."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rows import BadRow, Columns, Row
from authproxy.secondfactor.users import checked_email, checked_name, checked_status
from authproxy.store.tables import aliases, users

COLUMNS = Columns(required=(("username",),), optional=("email", "status"))


@dataclass(frozen=True, slots=True)
class NewUser:
    line: int
    username: str
    email: str
    status: str


def read_users(rows: Iterable[Row]) -> tuple[list[NewUser], list[BadRow]]:
    """Checks each row by itself. ``rows`` have :data:`COLUMNS`; without a status the user is active."""
    good: list[NewUser] = []
    bad: list[BadRow] = []
    for line, row in rows:
        try:
            name = row["username"]
            checked_name(name, "none")
            email = checked_email(row.get("email", ""))
            status = checked_status(row.get("status") or "active")
            good.append(NewUser(line, name, email, status))
        except BadValue as error:
            bad.append(BadRow(line, str(error)))
    return good, bad


def obstacles(connection: sa.Connection, rows: Sequence[NewUser], mode: str) -> list[BadRow]:
    """The rows that can't be added to what is there."""
    existing = set(connection.execute(sa.select(users.c.username)).scalars())
    other_names = set(connection.execute(sa.select(aliases.c.name)).scalars())
    seen: dict[str, int] = {}
    bad: list[BadRow] = []
    for row in rows:
        username = normalize(row.username, mode)
        if username in existing:
            bad.append(BadRow(row.line, f"there is a user {username} already"))
        elif username in other_names:
            bad.append(BadRow(row.line, f"{username} is an alias of a user already"))
        elif username in seen:
            bad.append(BadRow(row.line, f"{username} is in line {seen[username]} already"))
        seen.setdefault(username, row.line)
    return bad


def import_users(connection: sa.Connection, rows: Sequence[NewUser], mode: str) -> None:
    """Adds them all; there must be no obstacles."""
    now = time.time()
    values = [
        {
            "id": new_id("DU"),
            "username": normalize(row.username, mode),
            "display_name": row.username,
            "email": row.email,
            "status": row.status,
            "created": now,
        }
        for row in rows
    ]
    if values:
        connection.execute(users.insert(), values)
