"""Push requests as rows: who is asked, and the one decision each of them gets.

These functions are for synchronous callers (``store.engine.Database``); the daemon's side is ``push.PushDesk``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.store.tables import pushes


class PushStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    FRAUD = "fraud"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Push:
    """One push request. Times in epoch seconds; ``client_ip`` is empty where it isn't known."""

    id: str
    user_id: str
    username: str
    application: str
    client_ip: str
    nas: str
    login_id: str
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision was taken, and is final."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """It was decided, or had expired, before: ``status`` says how it ended."""

    status: PushStatus


@dataclass(frozen=True, slots=True)
class NoSuchPush:
    """There is no push of this ID."""


DECIDE = (
    pushes.update()
    .where(
        pushes.c.id == bindparam("push_id"),
        pushes.c.status == sa.literal_column("'pending'"),
        pushes.c.expires > bindparam("now"),
    )
    .values(status=bindparam("decision"), decided_at=bindparam("now"), decided_by=bindparam("decider"))
)
FIND = sa.select(pushes.c.status).where(pushes.c.id == bindparam("push_id"))


def pending_pushes(connection: sa.Connection, now: float) -> list[Push]:
    """What waits for its user's answer, the oldest first."""
    columns = [pushes.c[name] for name in Push.__dataclass_fields__]
    query = (
        sa.select(*columns)
        .where(pushes.c.status == sa.literal_column("'pending'"), pushes.c.expires > now)
        .order_by(pushes.c.created)
    )
    return [Push(*row) for row in connection.execute(query)]


def decide_push(
    connection: sa.Connection, push_id: str, status: PushStatus, by: str, now: float
) -> Decided | TooLate | NoSuchPush:
    """Decides a pending push. Commit, then call ``wakeup.poke`` so that the daemon answers at once.

    ``by``: who decided, for the record.
    """
    key = push_id.strip().upper()
    values = {"push_id": key, "now": now, "decision": str(status), "decider": by}
    if connection.execute(DECIDE, values).rowcount == 1:
        return Decided()
    return after_all(connection.execute(FIND, {"push_id": key}).scalar())


def after_all(status: str | None) -> TooLate | NoSuchPush:
    """Why a decision was not taken; ``status``: what the row says."""
    if status is None:
        return NoSuchPush()
    return TooLate(PushStatus.EXPIRED if status == PushStatus.PENDING else PushStatus(status))
