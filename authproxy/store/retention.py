"""Forgetting what is older than the administrator wants it kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Column, Table, bindparam

from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import (
    activations,
    admin_links,
    audit,
    login_names,
    logins,
    messages,
    pushes,
    remembered_browsers,
    sessions,
    sms_codes,
    sync_runs,
    telephony,
    tickets,
)
from authproxy.store.writer import Writer

_PER_JOB: Final = 200  # some milliseconds, which a login may have to wait
_DAY: Final = 86_400.0
_MONTH: Final = 30 * _DAY  # how long what has had its time can still be looked at


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days; 0: for ever. ``logins``: with their pushes. ``audit``: what administrators did, and syncs
    of directories."""

    logins: int
    messages: int
    telephony: int
    audit: int


@dataclass(frozen=True, slots=True)
class Due:
    """Rows of the table ``name`` that are older than ``before`` (epoch seconds)."""

    name: str
    before: float
    count: str
    delete: str

    def counted(self, connection: Connection) -> int:
        row = connection.execute(self.count, {"before": self.before}).fetchone()
        return int(row[0]) if row is not None else 0

    def forget_some(self, connection: Connection) -> int:
        """The oldest; how many there were. Fewer than :data:`_PER_JOB`: there are no more."""
        parameters = {"before": self.before, "most": _PER_JOB}
        names = connection.execute(_NAMES_OF_OLDEST, parameters).fetchall() if self.name == logins.name else ()
        count = connection.execute(self.delete, parameters).rowcount
        for username, name in names:
            connection.execute(_FORGET_NAME, {"typed": username, "bare": name})
        return count


def _statements(time: Column[float], *also: sa.ColumnElement[bool]) -> tuple[str, str, str]:
    """The table's name, what counts, and what deletes some of the oldest. What has no time yet stays."""
    table: Table = time.table
    key = tuple(table.primary_key.columns)
    is_old = sa.and_(time < bindparam("before"), *also)
    oldest = sa.select(*key).where(is_old).order_by(time).limit(bindparam("most")).offset(sa.literal_column("0"))
    return (
        table.name,
        compiled(sa.select(sa.func.count()).select_from(table).where(is_old)),
        compiled(table.delete().where(sa.tuple_(*key).in_(oldest))),
    )


_last_runs = sa.select(sa.func.max(sync_runs.c.id)).group_by(
    sync_runs.c.directory_id, sync_runs.c.mode, sync_runs.c.status
)
_LOGINS: Final = (_statements(logins.c.at), _statements(pushes.c.decided_at))
_MESSAGES: Final = (_statements(messages.c.at),)
_TELEPHONY: Final = (_statements(telephony.c.at),)
_AUDIT: Final = (_statements(audit.c.at), _statements(sync_runs.c.started, sync_runs.c.id.not_in(_last_runs)))
_EXPIRED: Final = (
    (_statements(sessions.c.expires), 0.0),
    (_statements(tickets.c.expires), 0.0),
    (_statements(remembered_browsers.c.expires), 0.0),
    (_statements(activations.c.expires), _MONTH),
    (_statements(admin_links.c.expires), _MONTH),
    (_statements(sms_codes.c.used), _MONTH),
    (_statements(sms_codes.c.expires), _MONTH),
)
"""What, and how many seconds after its time."""

_oldest_logins = (
    sa.select(logins.c.id)
    .where(logins.c.at < bindparam("before"))
    .order_by(logins.c.at)
    .limit(bindparam("most"))
    .offset(sa.literal_column("0"))
)
_NAMES_OF_OLDEST: Final = compiled(
    sa.select(logins.c.username, logins.c.name).distinct().where(logins.c.id.in_(_oldest_logins))
)
_typed = sa.and_(logins.c.name == bindparam("bare"), logins.c.username == bindparam("typed"))
_FORGET_NAME: Final = compiled(
    login_names.delete().where(
        login_names.c.username == bindparam("typed"), ~sa.exists(sa.select(logins.c.id).where(_typed))
    )
)


def due(kept: Kept, now: float) -> Iterator[Due]:
    """What has had its time at ``now``."""
    records = ((_LOGINS, kept.logins), (_MESSAGES, kept.messages), (_TELEPHONY, kept.telephony),
               (_AUDIT, kept.audit))  # fmt: skip
    for statements, days in records:
        if days:
            yield from (_due(each, now - days * _DAY) for each in statements)
    yield from (_due(each, now - seconds) for each, seconds in _EXPIRED)


def _due(statements: tuple[str, str, str], before: float) -> Due:
    name, count, delete = statements
    return Due(name, before, count, delete)


async def prune(writer: Writer, kept: Kept, now: float) -> Mapping[str, int]:
    """Deletes what has had its time; of each table how many rows.

    Few at a time, so that no login has to wait for it. Raises StoreUnavailable.
    """
    found: dict[str, int] = {}
    for each in due(kept, now):
        count = _PER_JOB
        while count == _PER_JOB:
            count = await writer.run(each.forget_some)
            found[each.name] = found.get(each.name, 0) + count
    return found


def prune_at_once(each: Due, change: Callable[[Callable[[Connection], int]], int]) -> int:
    """The same for a caller who waits. ``change`` runs a step in a transaction of its own."""
    total, count = 0, _PER_JOB
    while count == _PER_JOB:
        count = change(each.forget_some)
        total += count
    return total
