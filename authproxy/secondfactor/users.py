"""Users, as administrators manage them. Every function works in the transaction it is handed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.store.tables import (
    aliases,
    device_users,
    devices,
    groups,
    phone_users,
    security_keys,
    user_groups,
    users,
)

STATUSES = ("active", "bypass", "disabled")
PENDING_DELETION = "pending deletion"
"""What the status of those is called who are in the trash."""
_LONGEST_NAME = 253  # what RADIUS can carry
_LONGEST_TEXT = 256
_LONGEST_NOTES = 4096
_MOST_CUSTOM = 50
_AT_ONCE = 500  # a database takes so many values in a statement and more
_EMAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


@dataclass(frozen=True, slots=True)
class User:
    """Times in epoch seconds. ``devices``: code generators and tokens; ``phones`` and ``keys`` (security keys) are
    counted too. ``custom``: what a site wants to remember. ``groups`` by name. ``trashed``: since when in the
    trash; ``status`` is ``disabled`` then."""

    id: str
    username: str
    display_name: str
    realname: str
    firstname: str
    lastname: str
    email: str
    status: str
    notes: str
    default_method: str
    directory_id: str | None
    last_sync: float | None
    created: float
    last_login: float | None
    failures: int
    locked_until: float | None
    custom: Mapping[str, str]
    devices: int
    phones: int
    keys: int
    trashed: float | None = None
    groups: tuple[str, ...] = ()

    @property
    def shown_status(self) -> str:
        return self.status if self.trashed is None else PENDING_DELETION

    @property
    def is_enrolled(self) -> bool:
        return bool(self.devices or self.phones or self.keys)

    def is_locked_out(self, now: float) -> bool:
        return self.locked_until is not None and self.locked_until > now


def _count(owned: sa.Table) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(owned).where(owned.c.user_id == users.c.id).scalar_subquery()


_COUNTED = {"devices": device_users, "phones": phone_users, "keys": security_keys}
_ROW = sa.select(
    *(users.c[name] for name in User.__dataclass_fields__ if name in users.c),
    *(_count(table).label(name) for name, table in _COUNTED.items()),
)


def read_users(connection: sa.Connection, narrowed: Callable[[sa.Select[Any]], sa.Select[Any]]) -> list[User]:
    """The users that a query finds. ``narrowed`` adds where, order and limit to one for all."""
    rows = connection.execute(narrowed(_ROW)).mappings().all()
    of_groups = groups_by_user(connection, [row["id"] for row in rows])
    return [
        User(**{**row, "custom": json.loads(row["custom"])}, groups=tuple(of_groups.get(row["id"], ())))
        for row in rows
    ]


def groups_by_user(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, list[str]]:
    """The names of the groups that each of these users is in."""
    pairs = sa.select(user_groups.c.user_id, groups.c.name).join(groups, groups.c.id == user_groups.c.group_id)
    found: dict[str, list[str]] = {}
    for some in chunks(user_ids):
        query = pairs.where(user_groups.c.user_id.in_(some)).order_by(groups.c.name)
        for user_id, group in connection.execute(query):
            found.setdefault(user_id, []).append(group)
    return found


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
        "notes": checked_notes(notes),
        "created": time.time(),
    }
    _check_free(connection, username)
    connection.execute(users.insert().values(**values))
    return user_by_id(connection, str(values["id"]))


def find_user(connection: sa.Connection, name: str, mode: str) -> User:
    """By name or alias in any spelling, or by ID. Raises NotFound."""
    key = normalize(name, mode)
    by_alias = sa.select(aliases.c.user_id).where(aliases.c.name == key)
    mine = sa.or_(users.c.username == key, users.c.id == name.strip(), users.c.id.in_(by_alias))
    found = read_users(connection, lambda query: query.where(mine))
    if not found:
        raise NotFound(f"there is no user {name!r}; `authproxy user list` shows all")
    return found[0]


def user_by_id(connection: sa.Connection, user_id: str) -> User:
    """Raises NotFound."""
    found = read_users(connection, lambda query: query.where(users.c.id == user_id))
    if not found:
        raise NotFound(f"there is no user {user_id!r}")
    return found[0]


def list_users(connection: sa.Connection) -> list[User]:
    """All of them, by name. ``user_search`` has parts of the list."""
    return read_users(connection, lambda query: query.order_by(users.c.username))


def change_user(connection: sa.Connection, user: User, changes: Mapping[str, str]) -> None:
    """``changes`` to email, status, notes, realname, firstname, lastname. Disabling ends the user's pending
    pushes. Raises BadValue, also for the status of who is in the trash."""
    checks = {"email": checked_email, "status": checked_status, "notes": checked_notes}
    checked = {name: checks.get(name, checked_text)(value) for name, value in changes.items()}
    if user.trashed is not None and checked.get("status", user.status) != user.status:
        raise BadValue(f"{user.username} is in the trash: restore the user first")
    if checked:
        connection.execute(users.update().where(users.c.id == user.id).values(**checked))
    if checked.get("status") == "disabled":
        cancel_pushes(connection, time.time(), user.id)


def rename_user(connection: sa.Connection, user: User, name: str, mode: str) -> None:
    """``mode``: ``username_normalization``. Raises BadValue, AlreadyThere."""
    username = checked_name(name, mode)
    if username != user.username:
        _check_free(connection, username)
    values = {"username": username, "display_name": name.strip()}
    connection.execute(users.update().where(users.c.id == user.id).values(**values))


def remember_custom(connection: sa.Connection, user: User, custom: Mapping[str, str]) -> None:
    """In place of what a site wanted to remember of the user before. Raises BadValue."""
    if len(custom) > _MOST_CUSTOM:
        raise BadValue(f"{len(custom)} custom attributes; wanted at most {_MOST_CUSTOM}")
    kept = {checked_text(name): checked_notes(value) for name, value in custom.items()}
    connection.execute(users.update().where(users.c.id == user.id).values(custom=json.dumps(kept)))


def unlock_user(connection: sa.Connection, user: User) -> None:
    connection.execute(users.update().where(users.c.id == user.id).values(failures=0, locked_until=None))


def delete_user(connection: sa.Connection, user: User) -> None:
    """With everything that is the user's own; hardware tokens become unassigned."""
    own = sa.select(device_users.c.device_id).where(device_users.c.user_id == user.id)
    connection.execute(devices.delete().where(devices.c.id.in_(own), devices.c.origin == "software"))
    connection.execute(users.delete().where(users.c.id == user.id))


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as a statement may name."""
    for first in range(0, len(values), _AT_ONCE):
        yield values[first : first + _AT_ONCE]


# ---------------------------------------------------------------- what may be stored


def checked_name(name: str, mode: str) -> str:
    """The normalized name. Raises BadValue."""
    username = normalize(name, mode)
    if not username or not name.isprintable():
        raise BadValue(f"{name!r} is no user name")
    if len(name.encode()) > _LONGEST_NAME:
        raise BadValue(f"a user name can't have more than {_LONGEST_NAME} bytes")
    return username


def _check_free(connection: sa.Connection, username: str) -> None:
    """Raises AlreadyThere."""
    if connection.execute(sa.select(aliases.c.name).where(aliases.c.name == username)).first() is not None:
        raise AlreadyThere(f"{username} is an alias of a user already")
    namesake = connection.execute(sa.select(users.c.trashed).where(users.c.username == username)).first()
    if namesake is not None:
        where = "" if namesake.trashed is None else ", in the trash"
        raise AlreadyThere(f"there is a user {username} already{where}")


def checked_text(text: str) -> str:
    """One line. Raises BadValue."""
    text = text.strip()
    if len(text) > _LONGEST_TEXT or (text and not text.isprintable()):
        raise BadValue(f"{text[:_LONGEST_TEXT]!r} is no text of one line and at most {_LONGEST_TEXT} characters")
    return text


def checked_notes(text: str) -> str:
    """Raises BadValue."""
    if len(text) > _LONGEST_NOTES or "\0" in text:
        raise BadValue(f"notes can't have more than {_LONGEST_NOTES} characters")
    return text


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
