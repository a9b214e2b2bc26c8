"""The test that a newly enrolled phone must answer before it counts.

Until then no login reaches it, and its codes are nobody's. It completes the invitation that led to it. A first
phone is enrolled by whoever knows a password: of several that wait for their test the first to answer counts, and
only while its user has nothing else; the others are deleted then. One that was added with a factor has no rivals.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.activations import has_device
from authproxy.secondfactor.audit import note_at
from authproxy.secondfactor.invitations import complete
from authproxy.secondfactor.phone_claim import FIRST, give_generator
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import devices, phone_apps, phone_users, phones, users
from authproxy.store.writer import Job

Tests = Callable[[str], Awaitable[None]]
"""Asks the phone of this ID for an answer. Raises PhoneRefused."""


async def nothing_tested(_phone_id: str) -> None:
    """For rooms that reach no phone."""


_is_untested = phone_apps.c.is_untested != sa.literal_column("0")
_is_first = phone_apps.c.is_untested == sa.literal_column(str(FIRST))
_owners = phone_users.alias("owners")
_has_other = sa.exists(
    sa.select(_owners.c.user_id).where(_owners.c.phone_id == bindparam("phone"), has_device(_owners.c.user_id))
)
_PASS = compiled(
    phone_apps.update()
    .where(phone_apps.c.phone_id == bindparam("phone"), _is_untested, sa.or_(~_is_first, ~_has_other))
    .values(is_untested=sa.literal_column("0"))
)
_rivals = (
    sa.select(phone_apps.c.phone_id)
    .join(phone_users, phone_users.c.phone_id == phone_apps.c.phone_id)
    .where(phone_users.c.user_id == bindparam("owner"), _is_first)
)
_END_RIVALS = compiled(phones.delete().where(phones.c.id.in_(_rivals)))
_GENERATORS = compiled(sa.select(devices.c.id).where(devices.c.phone_id == bindparam("phone")))
_OWNERS = compiled(
    sa.select(users.c.id, users.c.username)
    .join(phone_users, phone_users.c.user_id == users.c.id)
    .where(phone_users.c.phone_id == bindparam("phone"))
)
_UNTESTED = compiled(
    sa.select(phone_apps.c.phone_id)
    .join(phone_users, phone_users.c.phone_id == phone_apps.c.phone_id)
    .where(phone_users.c.user_id == bindparam("owner"), _is_untested)
    .order_by(phone_apps.c.created.desc())
)


def passing(phone_id: str, now: float) -> Job[None]:
    """The phone has answered its test. Once is enough; nothing happens to a phone that was tested before, or that
    came too late to be the first."""

    def job(connection: Connection) -> None:
        if connection.execute(_PASS, {"phone": phone_id}).rowcount != 1:
            return
        for (device_id,) in connection.execute(_GENERATORS, {"phone": phone_id}).fetchall():
            give_generator(connection, phone_id, device_id)
        for user_id, name in connection.execute(_OWNERS, {"phone": phone_id}).fetchall():
            complete(connection, user_id, now)
            connection.execute(_END_RIVALS, {"owner": user_id})
            note_at(connection, now, f"user:{name}", "enroll complete", name)

    return job


def untested_phone(connection: Connection, user_id: str) -> str | None:
    """The phone of a user that has yet to answer its test; the newest of several."""
    found = connection.execute(_UNTESTED, {"owner": user_id}).fetchone()
    return str(found[0]) if found is not None else None
