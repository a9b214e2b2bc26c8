"""The groups that a directory's users are in here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.roster import RosterGroup
from authproxy.store.tables import groups


def keep_groups(connection: sa.Connection, directory: Directory, found: Sequence[RosterGroup]) -> None:
    """The chosen groups are there, under their names; a name that is taken gets the directory's added. A group
    that is not chosen any more stays, without the directory's users."""
    theirs = {row.directory_key: row for row in connection.execute(_group_rows(directory))}
    for group in found:
        old = theirs.get(group.key)
        if old is None:
            name = _free_name(connection, directory, group.name, "")
            values = {"id": new_id("DG"), "name": name, "directory_id": directory.id, "directory_key": group.key}
            connection.execute(groups.insert().values(**values, created=time.time()))
            continue
        name = _free_name(connection, directory, group.name, old.id)
        if name != old.name:
            connection.execute(groups.update().where(groups.c.id == old.id).values(name=name))


def _group_rows(directory: Directory) -> sa.Select[Any]:
    return sa.select(groups.c.id, groups.c.name, groups.c.directory_key).where(
        groups.c.directory_id == directory.id
    )


def group_ids(connection: sa.Connection, directory: Directory) -> dict[str, str]:
    """By the directory's key."""
    return {row.directory_key: row.id for row in connection.execute(_group_rows(directory))}


def _free_name(connection: sa.Connection, directory: Directory, name: str, own_id: str) -> str:
    for wanted in (name, f"{name} (from {directory.name})"):
        taken = sa.and_(groups.c.name == wanted, groups.c.id != own_id)
        if connection.execute(sa.select(groups.c.id).where(taken)).first() is None:
            return wanted
    return f"{name} (from {directory.name}, {new_id('')})"
