"""The phones that a directory's telephone numbers become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.sync_person import Number
from authproxy.secondfactor.sync_plan import Change, Stored
from authproxy.store.tables import phone_users, phones


def take_over_phones(connection: sa.Connection, directory: Directory, user: Stored) -> None:
    """Whose numbers another directory had, which the user has left."""
    theirs = sa.select(phone_users.c.phone_id).where(phone_users.c.user_id == user.id)
    of_other = sa.and_(phones.c.id.in_(theirs), phones.c.directory_id == user.directory_id)
    connection.execute(phones.update().where(of_other).values(directory_id=directory.id))


def change_phones(connection: sa.Connection, directory: Directory, change: Change, now: float) -> None:
    changes, user_id = change.phones, change.user.id
    for phone_id, number in changes.renumbered:
        values = {"number": number.number, "extension": number.extension, "type": number.type}
        connection.execute(phones.update().where(phones.c.id == phone_id).values(**values))
    for phone_id in changes.unnumbered:
        unknown = phones.update().where(phones.c.id == phone_id)
        connection.execute(unknown.values(number="", extension="", directory_id=None))
    for phone_id in changes.deleted:
        cancel_pushes(connection, now, user_id, phone_id)
        connection.execute(phones.delete().where(phones.c.id == phone_id))
    add_phones(connection, directory, user_id, changes.added, now, len(change.user.phones))


def add_phones(
    connection: sa.Connection,
    directory: Directory,
    user_id: str,
    numbers: Sequence[Number],
    now: float,
    has: int = 0,
) -> None:
    """Behind the ``has`` that are the user's already."""
    rows = [(new_id("DP"), number) for number in numbers]
    insert_all(connection, phones, [
        {"id": phone_id, "number": number.number, "extension": number.extension, "type": number.type,
         "directory_id": directory.id, "created": now}
        for phone_id, number in rows
    ])  # fmt: skip
    insert_all(connection, phone_users, [
        {"user_id": user_id, "phone_id": phone_id, "position": at}
        for at, (phone_id, _number) in enumerate(rows, start=has + 1)
    ])  # fmt: skip


def insert_all(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Also none."""
    if rows:
        connection.execute(table.insert(), list(map(dict, rows)))
