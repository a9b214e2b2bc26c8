"""The trash: users who are as good as deleted, and can be brought back for some days.

Who is in it is disabled, whatever was said of them before, and keeps name, devices and groups. What has lain there
long enough is deleted; users who have not logged in for long come there by themselves, if the account's settings
want that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.audit import note_at
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.users import User
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import device_users, devices, users
from authproxy.store.writer import Writer

_DAY: Final = 86_400.0
_AT_ONCE: Final = 50  # no login waits long for so few


def send_to_trash(connection: sa.Connection, user: User, now: float) -> bool:
    """Ends the user's pending pushes. False: the user was there already."""
    if user.trashed is not None:
        return False
    values = {"trashed": now, "restores_to": user.status, "status": "disabled"}
    connection.execute(users.update().where(users.c.id == user.id).values(**values))
    cancel_pushes(connection, now, user.id)
    return True


def restore(connection: sa.Connection, user: User, now: float) -> bool:
    """With the status of before. From ``now`` on it is counted again how long the user does not log in. False: the
    user was not there."""
    if user.trashed is None:
        return False
    status = sa.func.coalesce(users.c.restores_to, "active")
    values = {"trashed": None, "restores_to": None, "restored": now, "status": status}
    connection.execute(users.update().where(users.c.id == user.id).values(**values))
    return True


# ---------------------------------------------------------------- by itself, in the writer's thread


@dataclass(frozen=True, slots=True)
class Swept:
    """``moved``: users whom nobody had seen for long are in the trash now. ``deleted``: from it."""

    moved: int
    deleted: int


async def sweep(writer: Writer, now: float, kept_days: int, idle_days: int) -> Swept:
    """``kept_days`` in the trash, then a user is deleted; ``idle_days`` without a login, then one comes there (0:
    never). Few at a time, so that no login has to wait for it. Raises StoreUnavailable."""
    deleted = await _repeated(writer, lambda connection: _delete_some(connection, now, now - kept_days * _DAY))
    moved = 0
    if idle_days:
        moved = await _repeated(writer, lambda connection: _move_some(connection, now, now - idle_days * _DAY))
    return Swept(moved, deleted)


async def _repeated(writer: Writer, some: Callable[[Connection], int]) -> int:
    total, count = 0, _AT_ONCE
    while count == _AT_ONCE:
        count = await writer.run(some)
        total += count
    return total


def _some(where: sa.ColumnElement[bool]) -> str:
    query = sa.select(users.c.id, users.c.username).where(where)
    return compiled(query.limit(sa.literal_column(str(_AT_ONCE))).offset(sa.literal_column("0")))


def _not_since(column: sa.Column[float]) -> sa.ColumnElement[bool]:
    return sa.or_(column.is_(None), column < bindparam("before"))


_OVERDUE: Final = _some(users.c.trashed < bindparam("before"))
_IDLE: Final = _some(
    sa.and_(
        users.c.trashed.is_(None),
        users.c.created < bindparam("before"),
        _not_since(users.c.last_login),
        _not_since(users.c.restored),
    )
)
_mine = users.c.id == bindparam("user")
_own_devices = sa.select(device_users.c.device_id).where(device_users.c.user_id == bindparam("user"))
_DELETE_GENERATORS: Final = compiled(
    devices.delete().where(devices.c.id.in_(_own_devices), devices.c.origin == sa.literal_column("'software'"))
)
_DELETE: Final = compiled(users.delete().where(_mine))
_MOVE: Final = compiled(
    users.update()
    .where(_mine)
    .values(trashed=bindparam("now"), restores_to=users.c.status, status=sa.literal_column("'disabled'"))
)


def _delete_some(connection: Connection, now: float, before: float) -> int:
    """As ``users.delete_user``."""
    rows = connection.execute(_OVERDUE, {"before": before}).fetchall()
    for user_id, username in rows:
        connection.execute(_DELETE_GENERATORS, {"user": user_id})
        connection.execute(_DELETE, {"user": user_id})
        note_at(connection, now, "system", "user delete", username, {"why": "was in the trash long enough"})
    return len(rows)


def _move_some(connection: Connection, now: float, before: float) -> int:
    rows = connection.execute(_IDLE, {"before": before}).fetchall()
    for user_id, username in rows:
        connection.execute(_MOVE, {"user": user_id, "now": now})
        note_at(connection, now, "system", "user trash", username, {"why": "has not logged in for long"})
    return len(rows)
