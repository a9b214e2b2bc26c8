"""Groups of users. Members are what their group is (active, bypass, disabled), or what is stricter in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.listing import Listing, Window, containing
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.users import User, checked_notes, checked_status, chunks, read_users
from authproxy.store.tables import groups, user_groups, users

_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Group:
    """``members``: how many. ``directory_id``: the directory that it comes from, if any."""

    id: str
    name: str
    status: str
    notes: str
    created: float
    directory_id: str | None
    members: int


_MEMBERS = (
    sa.select(sa.func.count())
    .select_from(user_groups)
    .where(user_groups.c.group_id == groups.c.id)
    .scalar_subquery()
)
_ROW: sa.Select[Any] = sa.select(
    *(groups.c[name] for name in Group.__dataclass_fields__ if name != "members"), _MEMBERS
)


def list_groups(connection: sa.Connection, window: Window, text: str = "") -> Listing[Group]:
    """By name; those with ``text`` in it."""
    wanted = containing(groups.c.name, text.strip()) if text.strip() else sa.true()
    rows = _read(connection, lambda query: query.where(wanted).limit(window.limit).offset(window.offset))
    total = connection.execute(sa.select(sa.func.count()).select_from(groups).where(wanted)).scalar_one()
    return Listing(tuple(rows), total)


def groups_of(connection: sa.Connection, user_id: str) -> list[Group]:
    """By name."""
    mine = sa.select(user_groups.c.group_id).where(user_groups.c.user_id == user_id)
    return _read(connection, lambda query: query.where(groups.c.id.in_(mine)))


def some_groups(connection: sa.Connection, ids: Sequence[str]) -> list[Group]:
    """Those that are there."""
    found: list[Group] = []
    for some in chunks(ids):
        rows = connection.execute(_ROW.where(groups.c.id.in_(some)).order_by(groups.c.name))
        found += [Group(*row) for row in rows]
    return found


def statuses_of(connection: sa.Connection, names: Iterable[str]) -> set[str]:
    """Of the groups that there are of these names."""
    found = connection.execute(sa.select(groups.c.status).where(groups.c.name.in_(list(names))))
    return set(found.scalars())


def find_group(connection: sa.Connection, name: str) -> Group:
    """By name or ID. Raises NotFound."""
    found = _read(connection, lambda query: query.where(sa.or_(groups.c.name == name, groups.c.id == name)))
    if not found:
        raise NotFound(f"there is no group {name!r}")
    return found[0]


def group_by_id(connection: sa.Connection, group_id: str) -> Group:
    """Raises NotFound."""
    found = some_groups(connection, [group_id])
    if not found:
        raise NotFound(f"there is no group {group_id!r}")
    return found[0]


def add_group(connection: sa.Connection, name: str, status: str = "active", notes: str = "") -> Group:
    """Raises BadValue, AlreadyThere."""
    name = checked_group_name(name)
    _check_free(connection, name)
    values = {
        "id": new_id("DG"),
        "name": name,
        "status": checked_status(status),
        "notes": checked_notes(notes),
        "created": time.time(),
    }
    connection.execute(groups.insert().values(**values))
    return find_group(connection, str(values["id"]))


def change_group(connection: sa.Connection, group: Group, changes: Mapping[str, str]) -> None:
    """``changes`` to name, status, notes. What members of a disabled group are being asked ends. Raises BadValue,
    AlreadyThere."""
    checks = {"name": checked_group_name, "status": checked_status, "notes": checked_notes}
    checked = {field: checks[field](value) for field, value in changes.items()}
    if checked.get("name", group.name) != group.name:
        _check_free(connection, checked["name"])
    if checked:
        connection.execute(groups.update().where(groups.c.id == group.id).values(**checked))
    if checked.get("status") == "disabled" != group.status:
        _end_pushes(connection, group)


def delete_group(connection: sa.Connection, group: Group) -> None:
    """Its members stay."""
    connection.execute(groups.delete().where(groups.c.id == group.id))


def set_group_status(connection: sa.Connection, name: str, status: str) -> None:
    """Raises NotFound, BadValue."""
    change_group(connection, find_group(connection, name), {"status": status})


# ---------------------------------------------------------------- members


def list_members(connection: sa.Connection, group: Group, window: Window) -> Listing[User]:
    """By name."""
    mine = sa.select(user_groups.c.user_id).where(user_groups.c.group_id == group.id)
    found = read_users(
        connection,
        lambda query: (
            query.where(users.c.id.in_(mine)).order_by(users.c.username).limit(window.limit).offset(window.offset)
        ),
    )
    return Listing(tuple(found), group.members)


def add_member(connection: sa.Connection, group: Group, user: User) -> bool:
    """False: the user was one already."""
    member = sa.and_(user_groups.c.user_id == user.id, user_groups.c.group_id == group.id)
    if connection.execute(sa.select(user_groups.c.user_id).where(member)).first() is not None:
        return False
    connection.execute(user_groups.insert().values(user_id=user.id, group_id=group.id))
    return True


def remove_member(connection: sa.Connection, group: Group, user: User) -> bool:
    """False: the user was none."""
    member = sa.and_(user_groups.c.user_id == user.id, user_groups.c.group_id == group.id)
    return connection.execute(user_groups.delete().where(member)).rowcount > 0


def join_group(connection: sa.Connection, user: User, name: str) -> None:
    """Makes the group if there is none of that name. Raises BadValue."""
    try:
        group = find_group(connection, name)
    except NotFound:
        group = add_group(connection, name)
    add_member(connection, group, user)


def leave_group(connection: sa.Connection, user: User, name: str) -> None:
    """Raises NotFound."""
    group = sa.select(groups.c.id).where(groups.c.name == name).scalar_subquery()
    member = sa.and_(user_groups.c.user_id == user.id, user_groups.c.group_id == group)
    if connection.execute(user_groups.delete().where(member)).rowcount == 0:
        raise NotFound(f"{user.username} is in no group {name!r}")


def _end_pushes(connection: sa.Connection, group: Group) -> None:
    members = sa.select(user_groups.c.user_id).where(user_groups.c.group_id == group.id)
    for user_id in connection.execute(members).scalars().all():
        cancel_pushes(connection, time.time(), user_id)


def _read(connection: sa.Connection, narrowed: Callable[[sa.Select[Any]], sa.Select[Any]]) -> list[Group]:
    return [Group(*row) for row in connection.execute(narrowed(_ROW).order_by(groups.c.name))]


# ---------------------------------------------------------------- what may be stored


def checked_group_name(name: str) -> str:
    """Raises BadValue."""
    name = name.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise BadValue(f"{name[:_LONGEST_NAME]!r} is no group name")
    return name


def _check_free(connection: sa.Connection, name: str) -> None:
    """Raises AlreadyThere."""
    if connection.execute(sa.select(groups.c.id).where(groups.c.name == name)).first() is not None:
        raise AlreadyThere(f"there is a group {name!r} already")
