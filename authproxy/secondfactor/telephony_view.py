"""The ledger as administrators see it. Every function works in the transaction it is handed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authproxy.secondfactor.reach import masked
from authproxy.secondfactor.telephony import BALANCE
from authproxy.store.tables import settings, telephony, users

_MONTH = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One message or call. ``number`` is masked; ``username`` empty when the user was deleted."""

    id: int
    at: float
    kind: str
    purpose: str
    username: str
    number: str
    status: str
    detail: str
    cost: float
    provider_id: str
    login_id: str


@dataclass(frozen=True, slots=True)
class Account:
    """Credits. ``left`` None: they are not counted down, as none were ever added."""

    left: float | None
    spent_30_days: float
    spent: float


def selected() -> sa.Select[Any]:
    """What :func:`entry_of` reads."""
    columns = telephony.c
    return sa.select(
        columns.id,
        columns.at,
        columns.kind,
        columns.purpose,
        sa.func.coalesce(users.c.username, ""),
        columns.last_digits,
        columns.status,
        columns.detail,
        columns.cost,
        sa.func.coalesce(columns.provider_id, ""),
        columns.login_id,
    ).select_from(telephony.outerjoin(users, users.c.id == columns.user_id))


def entry_of(row: Sequence[Any]) -> Entry:
    """Of :func:`selected`."""
    id_, at, kind, purpose, username, last_digits, *rest = row
    return Entry(id_, at, kind, purpose, username, masked(last_digits), *rest)


def entries(connection: sa.Connection, limit: int, user_id: str | None = None) -> list[Entry]:
    """The newest first."""
    of_user = telephony.c.user_id == user_id if user_id is not None else sa.true()
    query = selected().where(of_user).order_by(telephony.c.id.desc()).limit(limit)
    return [entry_of(row) for row in connection.execute(query)]


def account(connection: sa.Connection) -> Account:
    total = sa.func.coalesce(sa.func.sum(telephony.c.cost), 0.0)
    lately = telephony.c.at > time.time() - _MONTH
    return Account(
        credits_left(connection),
        float(connection.execute(sa.select(total).where(lately)).scalar_one()),
        float(connection.execute(sa.select(total)).scalar_one()),
    )


def credits_left(connection: sa.Connection) -> float | None:
    """None: they are not counted down."""
    found = connection.execute(sa.select(settings.c.value).where(settings.c.key == BALANCE)).scalar()
    return None if found is None else float(found)


def outcomes(connection: sa.Connection, since: float) -> tuple[int, int]:
    """How many messages and calls from ``since`` on (epoch seconds) went well or are on their way, and how many
    failed."""
    failed = sa.func.count().filter(telephony.c.status == "failed")
    query = sa.select(sa.func.count() - failed, failed).where(telephony.c.at >= since)
    good, bad = connection.execute(query).one()
    return int(good), int(bad)
