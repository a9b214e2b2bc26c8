"""How many there are, and how logins went: figures of the whole account."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.model import Reason
from authproxy.secondfactor.telephony_view import credits_left
from authproxy.store.tables import administrators, applications, logins, telephony, users

_FRAUD = (Reason.PUSH_FRAUD, Reason.CALL_FRAUD)
_ERROR = (
    Reason.PRIMARY_UNAVAILABLE,
    Reason.SECOND_FACTOR_UNAVAILABLE,
    Reason.NOT_RECORDED,
    Reason.INTERNAL_ERROR,
)


@dataclass(frozen=True, slots=True)
class Summary:
    """``users``: with those in the trash. ``credits`` None: they are not counted down."""

    administrators: int
    applications: int
    users: int
    trashed: int
    credits: float | None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Decided logins, or the users who had such."""

    success: int
    failure: int
    fraud: int
    error: int


def summary(connection: sa.Connection) -> Summary:
    def count(table: sa.Table, where: sa.ColumnElement[bool]) -> int:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one())

    return Summary(
        count(administrators, sa.true()),
        count(applications, applications.c.ikey.is_not(None)),
        count(users, sa.true()),
        count(users, users.c.trashed.is_not(None)),
        credits_left(connection),
    )


def attempts(connection: sa.Connection, since: float, until: float, *, of_users: bool = False) -> Attempts:
    """Times in epoch seconds. ``of_users``: each counts once, under the name that was typed."""
    kind = sa.case(
        (logins.c.result == "accept", "success"),
        (logins.c.reason.in_(_FRAUD), "fraud"),
        (logins.c.reason.in_(_ERROR), "error"),
        else_="failure",
    )
    number = sa.func.count(sa.distinct(logins.c.username)) if of_users else sa.func.count()
    query = (
        sa.select(kind.label("kind"), number)
        .where(logins.c.at >= since, logins.c.at < until, logins.c.result.in_(("accept", "reject")))
        .group_by(sa.literal_column("kind"))
    )
    found = {row[0]: int(row[1]) for row in connection.execute(query)}
    return Attempts(*(found.get(word, 0) for word in ("success", "failure", "fraud", "error")))


def credits_used(connection: sa.Connection, since: float, until: float) -> float:
    """Times in epoch seconds."""
    total = sa.func.coalesce(sa.func.sum(telephony.c.cost), 0.0)
    query = sa.select(total).where(telephony.c.at >= since, telephony.c.at < until)
    return float(connection.execute(query).scalar_one())
