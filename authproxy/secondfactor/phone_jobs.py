"""The daemon's jobs on phones and what they are asked, for the writer's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.pushes import Push, PushStatus
from authproxy.secondfactor.reach import masked
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import devices, phone_apps, phone_users, phones, pushes, users
from authproxy.store.writer import Job

_CONTACT_EVERY = 30.0  # seconds: more often it is not written down
_OFFSET_MATTERS = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class PhoneApp:
    """The app of a phone. ``usernames``: of those who may use it now; ``subscription``: Web Push, as JSON."""

    label: str
    usernames: tuple[str, ...]
    phone_id: str
    kind: str
    serial: str
    public_key: bytes
    server_key: bytes | None = field(repr=False)
    subscription: str = field(repr=False)
    permission: str
    clock_offset: float | None
    last_contact: float | None
    is_untested: int = 0  # 1: it does not count before it has answered


@dataclass(frozen=True, slots=True)
class Owner:
    id: str
    username: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A push as a phone is told of it: ``nonce`` names it to the phone."""

    push: Push
    nonce: str


_PUSH = [pushes.c[name] for name in Push.__dataclass_fields__]
_APP = (
    sa.select(
        *(
            phone_apps.c[name]
            for name in (
                "phone_id", "kind", "serial", "public_key", "server_key", "subscription", "permission",
                "clock_offset", "last_contact", "is_untested",
            )
        ),
        phones.c.number,
        phones.c.name,
    )
    .join(phones, phones.c.id == phone_apps.c.phone_id)
)  # fmt: skip
_BY_SERIAL = compiled(_APP.where(phone_apps.c.serial == bindparam("key")))
_BY_PHONE = compiled(_APP.where(phone_apps.c.phone_id == bindparam("key")))
_USERS = compiled(
    sa.select(users.c.username, users.c.id)
    .join(phone_users, phone_users.c.user_id == users.c.id)
    .where(phone_users.c.phone_id == bindparam("phone"), users.c.status != sa.literal_column("'disabled'"))
    .order_by(users.c.username)
)
_CONTACT = compiled(
    phone_apps.update()
    .where(phone_apps.c.phone_id == bindparam("phone"))
    .values(
        last_contact=bindparam("now"),
        clock_offset=sa.func.coalesce(bindparam("ahead"), phone_apps.c.clock_offset),
        permission=bindparam("allowed"),
        subscription=bindparam("endpoint"),
    )
)
_PENDING = compiled(
    sa.select(*_PUSH, pushes.c.nonce)
    .where(
        pushes.c.phone_id == bindparam("phone"),
        pushes.c.status == sa.literal_column("'pending'"),
        pushes.c.expires > bindparam("now"),
    )
    .order_by(pushes.c.created)
)
_OPENED = compiled(
    pushes.update()
    .where(pushes.c.id == bindparam("push_id"))
    .values(nonce=bindparam("fresh"), opened_at=bindparam("now"))
)
_ASKED = compiled(
    sa.select(*_PUSH, pushes.c.nonce, pushes.c.status).where(
        pushes.c.id == bindparam("push_id"), pushes.c.phone_id == bindparam("phone")
    )
)
_BY_NONCE = compiled(
    sa.select(*_PUSH, pushes.c.nonce, pushes.c.status).where(
        pushes.c.nonce == bindparam("nonce"), pushes.c.phone_id == bindparam("phone")
    )
)
_SENT = compiled(
    pushes.update()
    .where(pushes.c.id == bindparam("push_id"))
    .values(sent_at=sa.func.coalesce(pushes.c.sent_at, bindparam("now")))
)
_DELIVERED = compiled(
    pushes.update()
    .where(pushes.c.id == bindparam("push_id"), pushes.c.phone_id == bindparam("phone"))
    .values(delivered_at=sa.func.coalesce(pushes.c.delivered_at, bindparam("now")))
)
_UNSUBSCRIBE = compiled(
    phone_apps.update()
    .where(phone_apps.c.phone_id == bindparam("phone"), phone_apps.c.subscription == bindparam("old"))
    .values(subscription=sa.literal_column("''"))
)
CANCEL = compiled(
    pushes.update()
    .where(pushes.c.phone_id == bindparam("phone"), pushes.c.status == sa.literal_column("'pending'"))
    .values(status=sa.literal_column("'cancelled'"), decided_at=bindparam("now"))
    .returning(pushes.c.id)
)
FORGET_APP = compiled(phone_apps.delete().where(phone_apps.c.phone_id == bindparam("phone")))
FORGET_CODES = compiled(devices.delete().where(devices.c.phone_id == bindparam("phone")))


def finding(serial: str) -> Job[PhoneApp | None]:
    return lambda connection: _app(connection, _BY_SERIAL, serial)


def finding_by_phone(phone_id: str) -> Job[PhoneApp | None]:
    return lambda connection: _app(connection, _BY_PHONE, phone_id)


def _app(connection: Connection, sql: str, key: str) -> PhoneApp | None:
    row = connection.execute(sql, {"key": key}).fetchone()
    if row is None:
        return None
    names = connection.execute(_USERS, {"phone": row[0]}).fetchall()
    number, name = row[-2:]
    return PhoneApp(masked(number) or name or "this phone", tuple(each[0] for each in names), *row[:-2])


def first_user(phone_id: str) -> Job[Owner | None]:
    """Of those who may use the phone."""

    def job(connection: Connection) -> Owner | None:
        row = connection.execute(_USERS, {"phone": phone_id}).fetchone()
        return None if row is None else Owner(row[1], row[0])

    return job


def showing(
    app: PhoneApp, now: float, nonce: Callable[[], str], offset: float | None = None
) -> Job[list[Pending]]:
    """What the phone is asked, the oldest first; notes that it has asked. ``offset``: of its clock, in seconds."""

    def job(connection: Connection) -> list[Pending]:
        _note_contact(connection, app, now, offset)
        found = []
        for row in connection.execute(_PENDING, {"phone": app.phone_id, "now": now}).fetchall():
            known = row[-1]
            if known is None:
                known = nonce()
                connection.execute(_OPENED, {"push_id": row[0], "fresh": known, "now": now})
                connection.execute(_SENT, {"push_id": row[0], "now": now})
            found.append(Pending(Push(*row[:-1]), known))
        return found

    return job


def _note_contact(connection: Connection, app: PhoneApp, now: float, offset: float | None) -> None:
    drifted = offset is not None and abs(offset - (app.clock_offset or 0.0)) > _OFFSET_MATTERS
    if drifted or app.last_contact is None or now - app.last_contact > _CONTACT_EVERY:
        noting(app, now, offset, app.permission, app.subscription)(connection)


def noting(app: PhoneApp, now: float, offset: float | None, permission: str, subscription: str) -> Job[None]:
    """What a phone said of itself."""

    def job(connection: Connection) -> None:
        row: Parameters = {
            "phone": app.phone_id,
            "now": now,
            "ahead": offset,
            "allowed": permission,
            "endpoint": subscription,
        }
        connection.execute(_CONTACT, row)

    return job


Asked = tuple[Push, str | None, PushStatus]


def asking(phone_id: str, push_id: str) -> Job[Asked | None]:
    """A push of this phone, its nonce, and how far it is."""
    return lambda connection: _asked(connection, _ASKED, {"phone": phone_id, "push_id": push_id})


def asking_by_nonce(phone_id: str, nonce: str) -> Job[Asked | None]:
    return lambda connection: _asked(connection, _BY_NONCE, {"phone": phone_id, "nonce": nonce})


def _asked(connection: Connection, sql: str, key: dict[str, str]) -> Asked | None:
    row = connection.execute(sql, key).fetchone()
    return None if row is None else (Push(*row[:-2]), row[-2], PushStatus(row[-1]))


def sent(push_id: str, now: float) -> Job[None]:
    def job(connection: Connection) -> None:
        connection.execute(_SENT, {"push_id": push_id, "now": now})

    return job


def delivered(phone_id: str, push_id: str, now: float) -> Job[None]:
    def job(connection: Connection) -> None:
        connection.execute(_DELIVERED, {"push_id": push_id, "phone": phone_id, "now": now})

    return job


def unsubscribing(phone_id: str, subscription: str) -> Job[None]:
    """Unless the phone has another one by now."""

    def job(connection: Connection) -> None:
        connection.execute(_UNSUBSCRIBE, {"phone": phone_id, "old": subscription})

    return job


def leaving(phone_id: str, now: float) -> Job[list[str]]:
    """The phone's app and its code generator are gone; the pushes that it can't answer any more."""

    def job(connection: Connection) -> list[str]:
        ended = [row[0] for row in connection.execute(CANCEL, {"phone": phone_id, "now": now}).fetchall()]
        connection.execute(FORGET_CODES, {"phone": phone_id})
        connection.execute(FORGET_APP, {"phone": phone_id})
        return ended

    return job
