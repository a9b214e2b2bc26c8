"""Push requests as rows: who is asked, and the one decision each of them gets.

These functions are for synchronous callers (``store.engine.Database``); the daemon's side is ``push.PushDesk``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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


class PushMode(StrEnum):
    """What the user must do besides approving."""

    PLAIN = "plain"  # nothing
    NUMBER = "number"  # give the number that the login shows: one of the options, or typed where there are none
    CODE = "code"  # type at the login the code that the phone shows after approval


@dataclass(frozen=True, slots=True)
class Target:
    """Which phone is asked, and how. Without a phone any administrator may approve. ``answer``: the number or
    code. ``detail``: what the phone shows besides: ``type``, ``display_username``, ``hostname``, ``location``, and
    ``pushinfo`` as JSON."""

    phone_id: str | None = None
    label: str = ""
    mode: PushMode = PushMode.PLAIN
    options: tuple[str, ...] = ()
    answer: str = field(default="", repr=False)
    detail: Mapping[str, str] = field(default_factory=dict)


ANY_APPROVER = Target()


@dataclass(frozen=True, slots=True)
class PushRequest:
    """Who asks whom for what."""

    user_id: str
    username: str
    application: str
    client_ip: str
    nas: str
    login_id: str
    target: Target = ANY_APPROVER
    whence: str = ""  # AuthRequest.whence


@dataclass(frozen=True, slots=True)
class Push:
    """One push request, as its row says. Times in epoch seconds; ``client_ip`` is empty where it isn't known.
    ``options`` separated by commas, ``detail`` a JSON object. ``answer`` must not be shown before approval."""

    id: str
    user_id: str
    username: str
    application: str
    client_ip: str
    nas: str
    login_id: str
    created: float
    expires: float
    phone_id: str | None = None
    mode: str = PushMode.PLAIN
    options: str = ""
    answer: str = field(default="", repr=False)
    detail: str = "{}"

    @classmethod
    def asking(cls, push_id: str, request: PushRequest, now: float, expires: float) -> Push:
        target = request.target
        return cls(
            push_id, request.user_id, request.username, request.application, request.client_ip, request.nas,
            request.login_id, now, expires, target.phone_id, target.mode, ",".join(target.options), target.answer,
            json.dumps(dict(target.detail)) if target.detail else "{}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision was taken, and is final. Approving with the wrong number denies."""

    status: PushStatus


@dataclass(frozen=True, slots=True)
class TooLate:
    """It was decided, or had expired, before: ``status`` says how it ended."""

    status: PushStatus


@dataclass(frozen=True, slots=True)
class TooMany:
    """It was not asked: this user has ``count`` pushes of the last ``seconds`` that were not approved."""

    count: int
    seconds: float


PushEnd = PushStatus | TooMany


@dataclass(frozen=True, slots=True)
class NoSuchPush:
    """There is no push of this ID."""


_decision: sa.BindParameter[str] = bindparam("decision")
_pending: sa.ColumnElement[str] = sa.literal_column("'pending'")
_is_wrong_number = sa.and_(
    _decision == sa.literal_column("'approved'"),
    pushes.c.mode == sa.literal_column("'number'"),
    pushes.c.answer != bindparam("entered"),
)
DECIDE = (
    pushes.update()
    .where(pushes.c.id == bindparam("push_id"), pushes.c.status == _pending, pushes.c.expires > bindparam("now"))
    .values(
        status=sa.case((_is_wrong_number, sa.literal_column("'denied'")), else_=_decision),
        decided_at=bindparam("now"),
        decided_by=sa.case(
            (_is_wrong_number, bindparam("decider").concat(sa.literal_column("', wrong number'"))),
            else_=bindparam("decider"),
        ),
    )
    .returning(pushes.c.status)
)
FIND = sa.select(pushes.c.status).where(pushes.c.id == bindparam("push_id"))


def pending_pushes(connection: sa.Connection, now: float, phone_id: str | None = None) -> list[Push]:
    """What waits for its user's answer, the oldest first: everything, or what one phone is asked."""
    columns = [pushes.c[name] for name in Push.__dataclass_fields__]
    query = sa.select(*columns).where(pushes.c.status == _pending, pushes.c.expires > now)
    if phone_id is not None:
        query = query.where(pushes.c.phone_id == phone_id)
    return [Push(*row) for row in connection.execute(query.order_by(pushes.c.created))]


def decide_push(
    connection: sa.Connection, push_id: str, status: PushStatus, by: str, now: float, entered: str = ""
) -> Decided | TooLate | NoSuchPush:
    """Decides a pending push. Commit, then call ``wakeup.poke`` so that the daemon answers at once.

    ``by``: who decided, for the record. ``entered``: the number given with an approval.
    """
    key = push_id.strip().upper()
    values = {"push_id": key, "now": now, "decision": str(status), "decider": by, "entered": entered}
    decided = connection.execute(DECIDE, values).scalar()
    if decided is not None:
        return Decided(PushStatus(decided))
    return after_all(connection.execute(FIND, {"push_id": key}).scalar())


def push_status(connection: sa.Connection, push_id: str, user_id: str, now: float) -> PushStatus | None:
    """Of one that this user was asked. None: there is no such push."""
    query = sa.select(pushes.c.status, pushes.c.expires).where(
        pushes.c.id == push_id.strip().upper(), pushes.c.user_id == user_id
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    is_over = row.status == PushStatus.PENDING and row.expires <= now
    return PushStatus.EXPIRED if is_over else PushStatus(row.status)


def cancel_pushes(
    connection: sa.Connection, now: float, user_id: str | None = None, phone_id: str | None = None
) -> None:
    """Ends what is pending of a user, of a phone, or of a user on a phone: nobody can approve it any more."""
    query = pushes.update().where(pushes.c.status == _pending)
    if user_id is not None:
        query = query.where(pushes.c.user_id == user_id)
    if phone_id is not None:
        query = query.where(pushes.c.phone_id == phone_id)
    connection.execute(query.values(status=str(PushStatus.CANCELLED), decided_at=now))


def after_all(status: str | None) -> TooLate | NoSuchPush:
    """Why a decision was not taken; ``status``: what the row says."""
    if status is None:
        return NoSuchPush()
    return TooLate(PushStatus.EXPIRED if status == PushStatus.PENDING else PushStatus(status))
