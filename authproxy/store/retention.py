"""Forgetting what is older than the administrator wants it kept."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import Column, Table, bindparam

from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import (
    activations,
    admin_links,
    logins,
    messages,
    pushes,
    remembered_browsers,
    sessions,
    sms_codes,
    telephony,
    tickets,
)
from authproxy.store.writer import Writer

_PER_JOB = 500


_MONTH = 30 * 86_400.0  # how long what has had its time can still be looked at
_OF_COSTS = 400 * 86_400.0  # a year's report, and some weeks to make it


def _deletion(table: Table, time: Column[float]) -> str:
    """Of the oldest rows. What has no time yet stays."""
    key = tuple(table.primary_key.columns)
    oldest = (
        sa.select(*key)
        .where(time < bindparam("before"))
        .order_by(time)
        .limit(bindparam("most"))
        .offset(sa.literal_column("0"))
    )
    return compiled(table.delete().where(sa.tuple_(*key).in_(oldest)))


_OF_THE_LOG = (
    _deletion(logins, logins.c.at),
    _deletion(pushes, pushes.c.decided_at),
    _deletion(messages, messages.c.at),
)
_EXPIRED = (
    (_deletion(sessions, sessions.c.expires), 0.0),
    (_deletion(tickets, tickets.c.expires), 0.0),
    (_deletion(remembered_browsers, remembered_browsers.c.expires), 0.0),
    (_deletion(activations, activations.c.expires), _MONTH),
    (_deletion(admin_links, admin_links.c.expires), _MONTH),
    (_deletion(sms_codes, sms_codes.c.used), _MONTH),
    (_deletion(sms_codes, sms_codes.c.expires), _MONTH),
    (_deletion(telephony, telephony.c.at), _OF_COSTS),
)
"""What, and how many seconds after its time."""


async def prune(writer: Writer, before: float) -> int:
    """Deletes logins, pushes and messages from before ``before`` (epoch seconds); how many there were.

    Few at a time, so that no login has to wait for it. Raises StoreUnavailable.
    """
    return sum([await _pruned(writer, sql, before) for sql in _OF_THE_LOG])


async def prune_expired(writer: Writer, now: float) -> int:
    """Deletes sessions, tickets, links and codes that have had their time, and what messages and calls cost more
    than a year ago; how many there were. Raises StoreUnavailable."""
    return sum([await _pruned(writer, sql, now - kept) for sql, kept in _EXPIRED])


async def _pruned(writer: Writer, sql: str, before: float) -> int:
    deleted, count = 0, _PER_JOB
    while count == _PER_JOB:
        count = await writer.run(_deleting(sql, before))
        deleted += count
    return deleted


def _deleting(sql: str, before: float) -> Callable[[Connection], int]:
    return lambda connection: connection.execute(sql, {"before": before, "most": _PER_JOB}).rowcount
