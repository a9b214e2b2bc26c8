"""The users that a sync meets, and those it does not meet any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.sync_person import TEXTS, Number, Person
from authproxy.secondfactor.sync_plan import Known, Stored, StoredPhone
from authproxy.store.tables import (
    aliases,
    directories,
    groups,
    phone_apps,
    phone_users,
    phones,
    user_groups,
    users,
)

_COLUMNS: Final = (
    "id", "username", "display_name", "status", "directory_id", "directory_key", "left_directory", *TEXTS,
)  # fmt: skip


def known_to(connection: sa.Connection, directory: Directory, people: Sequence[Person]) -> Known:
    """Everybody whom these people may meet."""
    keys = [person.key for person in people]
    names = sorted({name for person in people for name in (person.username, *(person.aliases or ()))})
    same_servers = _same_servers(connection, directory)
    ours = sa.or_(users.c.directory_id.in_(same_servers), users.c.directory_id.is_(None))
    by_key = sa.and_(users.c.directory_key.in_(keys), ours)
    known = Known()
    for user in stored_users(connection, directory, sa.or_(by_key, users.c.username.in_(names))):
        known.by_name[user.username] = user
        known.names[user.username] = user.id
        is_own = user.directory_id == directory.id
        may_be_ours = user.directory_id is None or (user.has_left and user.directory_id in same_servers)
        if user.key and (is_own or (may_be_ours and user.key not in known.by_key)):
            known.by_key[user.key] = user
    for row in connection.execute(sa.select(aliases.c.name, aliases.c.user_id).where(aliases.c.name.in_(names))):
        known.names[row.name] = row.user_id
    return known


def _same_servers(connection: sa.Connection, directory: Directory) -> list[str]:
    """IDs of the directories that read this one's servers: whoever has the same key there is the same person."""
    same = sa.and_(directories.c.client == directory.client, directories.c.kind == directory.kind)
    return list(connection.execute(sa.select(directories.c.id).where(same)).scalars())


def stored_users(connection: sa.Connection, directory: Directory, where: sa.ColumnElement[bool]) -> list[Stored]:
    rows = connection.execute(sa.select(*(users.c[name] for name in _COLUMNS)).where(where)).all()
    ids = [row.id for row in rows]
    own_phones, own_aliases, own_groups = (
        _by_user(connection.execute(query.where(column.in_(ids))))
        for query, column in (
            (_phones(), phone_users.c.user_id),
            (sa.select(aliases.c.user_id, aliases.c.name).order_by(aliases.c.position), aliases.c.user_id),
            (_groups(directory), user_groups.c.user_id),
        )
    )
    return [
        Stored(
            row.id,
            row.username,
            row.display_name,
            row.status,
            row.directory_id,
            row.directory_key or "",
            row.left_directory is not None,
            {name: row._mapping[name] for name in TEXTS},
            tuple(_phone(phone, directory) for phone in own_phones.get(row.id, ())),
            tuple(alias.name for alias in own_aliases.get(row.id, ())),
            frozenset(group.directory_key for group in own_groups.get(row.id, ())),
        )
        for row in rows
    ]


def _by_user(rows: Iterable[sa.Row[Any]]) -> dict[str, list[sa.Row[Any]]]:
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.user_id, []).append(row)
    return found


def _phones() -> sa.Select[Any]:
    joined = phone_users.join(phones, phones.c.id == phone_users.c.phone_id).outerjoin(
        phone_apps, phone_apps.c.phone_id == phones.c.id
    )
    return sa.select(
        phone_users.c.user_id,
        phones.c.id,
        phones.c.number,
        phones.c.extension,
        phones.c.type,
        phones.c.directory_id,
        phone_apps.c.kind,
    ).select_from(joined)


def _phone(row: sa.Row[Any], directory: Directory) -> StoredPhone:
    number = Number(row.number, row.extension, row.type)
    return StoredPhone(row.id, number, row.directory_id == directory.id, row.kind is not None)


def _groups(directory: Directory) -> sa.Select[Any]:
    return (
        sa.select(user_groups.c.user_id, groups.c.directory_key)
        .join(groups, groups.c.id == user_groups.c.group_id)
        .where(groups.c.directory_id == directory.id, groups.c.directory_key.is_not(None))
    )


# ---------------------------------------------------------------- who is not there any more

_PAGE: Final = 1000


def those_who_left(connection: sa.Connection, directory: Directory, seen: Callable[[str], bool]) -> list[str]:
    """IDs of the users whose keys were not seen. Those who are disabled anyway do not count."""
    return [user_id for user_id, key in _listed(connection, directory) if not seen(key)]


def count_listed(connection: sa.Connection, directory: Directory) -> int:
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(users).where(_is_listed(directory))).scalar_one()
    )


def _listed(connection: sa.Connection, directory: Directory) -> Iterable[tuple[str, str]]:
    query = sa.select(users.c.id, users.c.directory_key).where(_is_listed(directory))
    for row in connection.execute(query.execution_options(yield_per=_PAGE)):
        yield row.id, row.directory_key or ""


def _is_listed(directory: Directory) -> sa.ColumnElement[bool]:
    return sa.and_(users.c.directory_id == directory.id, users.c.status != "disabled")
