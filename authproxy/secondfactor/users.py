"""Users, as administrators manage them. Every function works in the transaction it is handed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.store.tables import aliases, device_users, devices, groups, user_groups, users

STATUSES = ("active", "bypass", "disabled")
_LONGEST_NAME = 253  # what RADIUS can carry
_EMAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


@dataclass(frozen=True, slots=True)
class User:
    """Times in epoch seconds. ``groups`` by name."""

    id: str
    username: str
    display_name: str
    email: str
    status: str
    notes: str
    created: float
    last_login: float | None
    failures: int
    locked_until: float | None
    devices: int
    groups: tuple[str, ...] = ()

    def is_locked_out(self, now: float) -> bool:
        return self.locked_until is not None and self.locked_until > now


_COLUMNS = (
    users.c.id,
    users.c.username,
    users.c.display_name,
    users.c.email,
    users.c.status,
    users.c.notes,
    users.c.created,
    users.c.last_login,
    users.c.failures,
    users.c.locked_until,
)
_DEVICE_COUNT = (
    sa.select(sa.func.count())
    .select_from(device_users)
    .where(device_users.c.user_id == users.c.id)
    .scalar_subquery()
)


def add_user(
    connection: sa.Connection, name: str, mode: str, email: str = "", status: str = "active", notes: str = ""
) -> User:
    """``mode``: ``username_normalization``. Raises BadValue, AlreadyThere."""
    username = checked_name(name, mode)
    values = {
        "id": new_id("DU"),
        "username": username,
        "display_name": name.strip(),
        "email": checked_email(email),
        "status": checked_status(status),
        "notes": notes,
        "created": time.time(),
    }
    if connection.execute(sa.select(aliases.c.name).where(aliases.c.name == username)).first() is not None:
        raise AlreadyThere(f"{username} is an alias of a user already")
    try:
        with connection.begin_nested():
            connection.execute(users.insert().values(**values))
    except sa.exc.IntegrityError:
        raise AlreadyThere(f"there is a user {username} already") from None
    return find_user(connection, name, mode)


def find_user(connection: sa.Connection, name: str, mode: str) -> User:
    """By name or alias in any spelling, or by ID. Raises NotFound."""
    key = normalize(name, mode)
    by_alias = sa.select(aliases.c.user_id).where(aliases.c.name == key)
    query = sa.select(*_COLUMNS, _DEVICE_COUNT).where(
        sa.or_(users.c.username == key, users.c.id == name.strip(), users.c.id.in_(by_alias))
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no user {name!r}; `authproxy user list` shows all")
    return User(*row, groups=_groups_of(connection, row[0]))


def list_users(connection: sa.Connection) -> list[User]:
    """All of them, by name."""
    memberships: dict[str, list[str]] = {}
    pairs = sa.select(user_groups.c.user_id, groups.c.name).join(groups, groups.c.id == user_groups.c.group_id)
    for user_id, group in connection.execute(pairs.order_by(groups.c.name)):
        memberships.setdefault(user_id, []).append(group)
    query = sa.select(*_COLUMNS, _DEVICE_COUNT).order_by(users.c.username)
    return [User(*row, groups=tuple(memberships.get(row[0], ()))) for row in connection.execute(query)]


def change_user(connection: sa.Connection, user: User, changes: Mapping[str, str]) -> None:
    """``changes`` to email, status, notes. Disabling ends the user's pending pushes. Raises BadValue."""
    checked = dict(changes)
    if "email" in checked:
        checked["email"] = checked_email(checked["email"])
    if "status" in checked:
        checked["status"] = checked_status(checked["status"])
    if checked:
        connection.execute(users.update().where(users.c.id == user.id).values(**checked))
    if checked.get("status") == "disabled":
        cancel_pushes(connection, time.time(), user.id)


def unlock_user(connection: sa.Connection, user: User) -> None:
    connection.execute(users.update().where(users.c.id == user.id).values(failures=0, locked_until=None))


def delete_user(connection: sa.Connection, user: User) -> None:
    """With everything that is the user's own; hardware tokens become unassigned."""
    own = sa.select(device_users.c.device_id).where(device_users.c.user_id == user.id)
    connection.execute(devices.delete().where(devices.c.id.in_(own), devices.c.origin == "software"))
    connection.execute(users.delete().where(users.c.id == user.id))


# ---------------------------------------------------------------- groups


def join_group(connection: sa.Connection, user: User, name: str) -> None:
    """Makes the group if there is none of that name."""
    group_id = connection.execute(sa.select(groups.c.id).where(groups.c.name == name)).scalar()
    if group_id is None:
        group_id = new_id("DG")
        connection.execute(groups.insert().values(id=group_id, name=_checked_group(name), created=time.time()))
    if name not in _groups_of(connection, user.id):
        connection.execute(user_groups.insert().values(user_id=user.id, group_id=group_id))


def leave_group(connection: sa.Connection, user: User, name: str) -> None:
    """Raises NotFound."""
    group = sa.select(groups.c.id).where(groups.c.name == name).scalar_subquery()
    membership = sa.and_(user_groups.c.user_id == user.id, user_groups.c.group_id == group)
    if connection.execute(user_groups.delete().where(membership)).rowcount == 0:
        raise NotFound(f"{user.username} is in no group {name!r}")


def set_group_status(connection: sa.Connection, name: str, status: str) -> None:
    """What the group's members are, unless their own status is stricter. Raises NotFound, BadValue."""
    changed = connection.execute(
        groups.update().where(groups.c.name == name).values(status=checked_status(status))
    )
    if changed.rowcount == 0:
        raise NotFound(f"there is no group {name!r}")


def _groups_of(connection: sa.Connection, user_id: str) -> tuple[str, ...]:
    query = (
        sa.select(groups.c.name)
        .join(user_groups, user_groups.c.group_id == groups.c.id)
        .where(user_groups.c.user_id == user_id)
        .order_by(groups.c.name)
    )
    return tuple(connection.execute(query).scalars())


# ---------------------------------------------------------------- what may be stored


def checked_name(name: str, mode: str) -> str:
    """The normalized name. Raises BadValue."""
    username = normalize(name, mode)
    if not username or not name.isprintable():
        raise BadValue(f"{name!r} is no user name")
    if len(name.encode()) > _LONGEST_NAME:
        raise BadValue(f"a user name can't have more than {_LONGEST_NAME} bytes")
    return username


def checked_email(email: str) -> str:
    """Raises BadValue. Empty: none is known."""
    email = email.strip()
    if email and not (_EMAIL.fullmatch(email) and email.isprintable()):
        raise BadValue(f"{email!r} is no mail address")
    return email


def checked_status(status: str) -> str:
    """Raises BadValue."""
    word = status.strip().lower()
    if word not in STATUSES:
        raise BadValue(f"{status!r} is no status; wanted {', '.join(STATUSES)}")
    return word


def _checked_group(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise BadValue(f"{name!r} is no group name")
    return name
