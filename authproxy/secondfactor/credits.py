"""Telephony credits: what was bought and corrected, what is left, and what messages and calls have cost.

What is left is kept beside the ledger and counted down with every message and call (see ``telephony``), from the
first entry on: what went out before that is in the reports, but was never counted.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note as note_change
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.telephony import BALANCE
from authproxy.store.tables import credit_entries, settings, telephony, users

PURCHASE, CORRECTION = "purchase", "correction"
_MOST: Final = 1e9
_LONGEST_NOTE: Final = 200


@dataclass(frozen=True, slots=True)
class CreditEntry:
    """``amount`` in credits; of a correction it may be negative. ``at`` in epoch seconds."""

    id: int
    at: float
    kind: str
    amount: float
    note: str
    actor: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Of messages or calls. ``count`` includes what cost nothing in the end."""

    kind: str
    count: int
    cost: float


@dataclass(frozen=True, slots=True)
class Month:
    """``name``: ``2026-11``, in UTC."""

    name: str
    costs: tuple[Cost, ...]

    @property
    def cost(self) -> float:
        return sum(each.cost for each in self.costs)

    def of(self, kind: str) -> Cost:
        return next((each for each in self.costs if each.kind == kind), Cost(kind, 0, 0.0))


@dataclass(frozen=True, slots=True)
class UserCost:
    """``username`` is empty when the user was deleted."""

    user_id: str
    username: str
    messages: int
    calls: int
    cost: float


def left(connection: sa.Connection) -> float | None:
    """None: credits are not counted down, as none were ever entered."""
    found = connection.execute(sa.select(settings.c.value).where(settings.c.key == BALANCE)).scalar()
    return None if found is None else float(found)


def enter(
    connection: sa.Connection,
    actor: str,
    kind: str,
    amount: float,
    now: float,
    note: str = "",
    address: str = "",
) -> float:
    """A purchase or a correction: what is left after it. Raises BadValue."""
    before = left(connection)
    after = (before or 0.0) + amount
    if kind not in (PURCHASE, CORRECTION):
        raise BadValue(f"{kind!r} is neither a purchase nor a correction")
    if not math.isfinite(amount) or amount == 0 or (kind == PURCHASE and amount < 0) or abs(after) > _MOST:
        raise BadValue(f"{amount:g} can't be the credits of a {kind}")
    text = note.strip()
    if len(text) > _LONGEST_NOTE or not text.isprintable():
        raise BadValue(f"a note has at most {_LONGEST_NOTE} characters on one line")
    row = {"at": now, "kind": kind, "amount": amount, "note": text, "actor": actor}
    connection.execute(credit_entries.insert().values(row))
    connection.execute(settings.delete().where(settings.c.key == BALANCE))
    connection.execute(settings.insert().values(key=BALANCE, value=repr(after)))
    detail: dict[str, JsonValue] = {"amount": amount, "note": text, "left": after}
    note_change(connection, actor, f"credits {kind}", "", detail, before={"left": before}, address=address)
    return after


def entries(connection: sa.Connection, limit: int, offset: int = 0) -> list[CreditEntry]:
    """The newest first."""
    query = sa.select(credit_entries).order_by(credit_entries.c.id.desc()).limit(limit).offset(offset)
    return [CreditEntry(*row) for row in connection.execute(query)]


# ---------------------------------------------------------------- what it has cost


def months(connection: sa.Connection, now: float, count: int = 12) -> list[Month]:
    """The last ``count`` months, this one first."""
    return [_month(connection, *bounds) for bounds in _bounds(now, count)]


def _month(connection: sa.Connection, name: str, since: float, until: float) -> Month:
    columns = telephony.c
    query = (
        sa.select(columns.kind, sa.func.count(), sa.func.coalesce(sa.func.sum(columns.cost), 0.0))
        .where(columns.at >= since, columns.at < until)
        .group_by(columns.kind)
        .order_by(columns.kind)
    )
    return Month(name, tuple(Cost(*row) for row in connection.execute(query)))


def _bounds(now: float, count: int) -> list[tuple[str, float, float]]:
    """Name, beginning and end of each, in epoch seconds."""
    first = dt.datetime.fromtimestamp(now, dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until, found = (first + dt.timedelta(days=32)).replace(day=1), []
    for _ in range(count):
        found.append((first.strftime("%Y-%m"), first.timestamp(), until.timestamp()))
        first, until = (first - dt.timedelta(days=1)).replace(day=1), first
    return found


def month_bounds(name: str, now: float) -> tuple[float, float]:
    """Of ``2026-11``; empty: this month. Raises BadValue."""
    if not name:
        _, since, until = _bounds(now, 1)[0]
        return since, until
    try:
        first = dt.datetime.strptime(name, "%Y-%m").replace(tzinfo=dt.UTC)
    except ValueError:
        raise BadValue(f"{name[:20]!r} is no month; wanted one as 2026-11") from None
    return first.timestamp(), (first + dt.timedelta(days=32)).replace(day=1).timestamp()


def users_of(connection: sa.Connection, since: float, until: float, limit: int) -> list[UserCost]:
    """Who has cost the most within that time."""
    columns = telephony.c
    total = sa.func.sum(columns.cost)
    query = (
        sa.select(
            columns.user_id,
            sa.func.coalesce(users.c.username, ""),
            sa.func.sum(sa.case((columns.kind == "sms", 1), else_=0)),
            sa.func.sum(sa.case((columns.kind == "call", 1), else_=0)),
            total,
        )
        .select_from(telephony.outerjoin(users, users.c.id == columns.user_id))
        .where(columns.at >= since, columns.at < until, columns.user_id.is_not(None))
        .group_by(columns.user_id, users.c.username)
        .order_by(total.desc(), columns.user_id)
        .limit(limit)
    )
    return [UserCost(*row) for row in connection.execute(query)]
