"""The daemon's jobs on push requests, for the writer's thread. The desk decides when they are run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.pushes import (
    DECIDE,
    FIND,
    Decided,
    NoSuchPush,
    Push,
    PushStatus,
    TooLate,
    TooMany,
    after_all,
)
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import pushes
from authproxy.store.writer import Job

Statuses = list[tuple[str, PushStatus]]

_INSERT = compiled(pushes.insert().values({name: bindparam(name) for name in Push.__dataclass_fields__}))
_COUNT = compiled(
    sa.select(sa.func.count())
    .select_from(pushes)
    .where(
        pushes.c.user_id == bindparam("owner"),
        pushes.c.created >= bindparam("since"),
        pushes.c.status != sa.literal_column("'approved'"),
    )
)
_READ = compiled(
    sa.select(*(pushes.c[name] for name in Push.__dataclass_fields__), pushes.c.status).where(
        pushes.c.id == bindparam("push_id")
    )
)
_DECIDE = compiled(DECIDE)
_FIND = compiled(FIND)
_CLOSE = compiled(
    pushes.update()
    .where(pushes.c.id == bindparam("push_id"), pushes.c.status == sa.literal_column("'pending'"))
    .values(status=bindparam("decision"), decided_at=bindparam("now"))
)
_RECENT = compiled(sa.select(pushes.c.id, pushes.c.status).where(pushes.c.decided_at >= bindparam("since")))
_SWEEP = compiled(
    pushes.update()
    .where(pushes.c.status == sa.literal_column("'pending'"), pushes.c.expires <= bindparam("now"))
    .values(status=sa.literal_column("'expired'"), decided_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class PushLimit:
    """At most ``most`` pushes in ``seconds`` that the user has not approved; 0: any number."""

    most: int = 0
    seconds: float = 300.0


def inserting(push: Push, limit: PushLimit) -> Job[TooMany | None]:
    row: Parameters = {name: getattr(push, name) for name in Push.__dataclass_fields__}
    recent: Parameters = {"owner": push.user_id, "since": push.created - limit.seconds}

    def job(connection: Connection) -> TooMany | None:
        if limit.most:
            (count,) = connection.execute(_COUNT, recent).fetchall()[0]
            if count >= limit.most:
                return TooMany(count, limit.seconds)
        connection.execute(_INSERT, row)
        return None

    return job


def deciding(
    push_id: str, status: PushStatus, by: str, now: float, entered: str = ""
) -> Job[Decided | TooLate | NoSuchPush]:
    row: Parameters = {
        "push_id": push_id,
        "now": now,
        "decision": str(status),
        "decider": by,
        "entered": entered,
    }

    def job(connection: Connection) -> Decided | TooLate | NoSuchPush:
        decided = connection.execute(_DECIDE, row).fetchall()
        if decided:
            return Decided(PushStatus(decided[0][0]))
        found = connection.execute(_FIND, {"push_id": push_id}).fetchone()
        return after_all(found[0] if found else None)

    return job


def closing(ids: Iterable[str], status: PushStatus, now: float) -> Job[Statuses]:
    """Ends those that are still pending; how each of them has ended."""

    def job(connection: Connection) -> Statuses:
        for push_id in ids:
            connection.execute(_CLOSE, {"push_id": push_id, "decision": str(status), "now": now})
        return _statuses(connection, ids)

    return job


def reading(ids: Iterable[str]) -> Job[Statuses]:
    return lambda connection: _statuses(connection, ids)


def reading_whole(push_id: str) -> Job[tuple[Push, PushStatus] | None]:
    """A push and how far it is; None: its row is gone."""

    def job(connection: Connection) -> tuple[Push, PushStatus] | None:
        row = connection.execute(_READ, {"push_id": push_id}).fetchone()
        return None if row is None else (Push(*row[:-1]), PushStatus(row[-1]))

    return job


def reading_since(since: float) -> Job[Statuses]:
    """What was decided from ``since`` on."""

    def job(connection: Connection) -> Statuses:
        rows = connection.execute(_RECENT, {"since": since}).fetchall()
        return [(push_id, PushStatus(status)) for push_id, status in rows]

    return job


def sweeping(now: float) -> Job[int]:
    """Closes what expired while nobody looked; how many."""
    return lambda connection: connection.execute(_SWEEP, {"now": now}).rowcount


def _statuses(connection: Connection, ids: Iterable[str]) -> list[tuple[str, PushStatus]]:
    """A push whose row is gone (its user was deleted) is cancelled."""
    found = []
    for push_id in ids:
        row = connection.execute(_FIND, {"push_id": push_id}).fetchone()
        found.append((push_id, PushStatus(row[0]) if row else PushStatus.CANCELLED))
    return found
