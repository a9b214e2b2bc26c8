"""The test that a newly enrolled phone must answer before it counts.

Until then no login reaches it, and its codes are nobody's. It completes the invitation that led to it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.invitations import complete
from authproxy.secondfactor.phone_claim import give_generator
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import audit, devices, phone_apps, phone_users, users
from authproxy.store.writer import Job

_PASS = compiled(
    phone_apps.update()
    .where(phone_apps.c.phone_id == bindparam("phone"), phone_apps.c.is_untested == sa.literal_column("1"))
    .values(is_untested=sa.literal_column("0"))
)
_GENERATORS = compiled(sa.select(devices.c.id).where(devices.c.phone_id == bindparam("phone")))
_OWNERS = compiled(
    sa.select(users.c.id, users.c.username)
    .join(phone_users, phone_users.c.user_id == users.c.id)
    .where(phone_users.c.phone_id == bindparam("phone"))
)
_UNTESTED = compiled(
    sa.select(phone_apps.c.phone_id)
    .join(phone_users, phone_users.c.phone_id == phone_apps.c.phone_id)
    .where(phone_users.c.user_id == bindparam("owner"), phone_apps.c.is_untested == sa.literal_column("1"))
    .order_by(phone_apps.c.created.desc())
)
_NOTE = compiled(
    audit.insert().values(
        at=bindparam("now"),
        actor=bindparam("who"),
        action=sa.literal_column("'enroll complete'"),
        object=bindparam("name"),
        detail=sa.literal_column("'{}'"),
    )
)


def passing(phone_id: str, now: float) -> Job[None]:
    """The phone has answered its test. Once is enough; nothing happens to a phone that was tested before."""

    def job(connection: Connection) -> None:
        if connection.execute(_PASS, {"phone": phone_id}).rowcount != 1:
            return
        for (device_id,) in connection.execute(_GENERATORS, {"phone": phone_id}).fetchall():
            give_generator(connection, phone_id, device_id)
        for user_id, name in connection.execute(_OWNERS, {"phone": phone_id}).fetchall():
            complete(connection, user_id, now)
            connection.execute(_NOTE, {"now": now, "who": f"user:{name}", "name": name})

    return job


def untested_phone(connection: Connection, user_id: str) -> str | None:
    """The phone of a user that has yet to answer its test; the newest of several."""
    found = connection.execute(_UNTESTED, {"owner": user_id}).fetchone()
    return str(found[0]) if found is not None else None
