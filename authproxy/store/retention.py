"""Forgetting what is older than the administrator wants it kept."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import Column, Table, bindparam

from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import logins, messages, pushes
from authproxy.store.writer import Writer

_PER_JOB = 500


def _deletion(table: Table, time: Column[float]) -> str:
    oldest = (
        sa.select(table.c.id)
        .where(time < bindparam("before"))
        .order_by(time)
        .limit(bindparam("most"))
        .offset(sa.literal_column("0"))
    )
    return compiled(table.delete().where(table.c.id.in_(oldest)))


_DELETIONS = (
    _deletion(logins, logins.c.at),
    _deletion(pushes, pushes.c.decided_at),
    _deletion(messages, messages.c.at),
)


async def prune(writer: Writer, before: float) -> int:
    """Deletes logins, pushes and messages from before ``before`` (epoch seconds); how many there were.

    Few at a time, so that no login has to wait for it. Raises StoreUnavailable.
    """
    deleted = 0
    for sql in _DELETIONS:
        count = _PER_JOB
        while count == _PER_JOB:
            count = await writer.run(_deleting(sql, before))
            deleted += count
    return deleted


def _deleting(sql: str, before: float) -> Callable[[Connection], int]:
    return lambda connection: connection.execute(sql, {"before": before, "most": _PER_JOB}).rowcount
