"""A new user with a phone and its activation, made by the daemon for the Auth API's enroll."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.activations import hash_of
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import activations, aliases, phone_users, phones, users
from authproxy.store.writer import Job

_IS_TAKEN = compiled(
    sa.union_all(
        sa.select(users.c.id).where(users.c.username == bindparam("username")),
        sa.select(aliases.c.user_id).where(aliases.c.name == bindparam("username")),
    )
)
_USER = compiled(
    users.insert().values(
        id=bindparam("user"),
        username=bindparam("username"),
        display_name=bindparam("shown"),
        created=bindparam("now"),
    )
)
_PHONE = compiled(phones.insert().values(id=bindparam("phone"), created=bindparam("now")))
_PHONE_USER = compiled(phone_users.insert().values(user_id=bindparam("user"), phone_id=bindparam("phone")))
_ACTIVATION = compiled(
    activations.insert().values(
        hash=bindparam("code_hash"),
        kind=sa.literal_column("'phone'"),
        user_id=bindparam("user"),
        phone_id=bindparam("phone"),
        created=bindparam("now"),
        expires=bindparam("expires"),
    )
)


@dataclass(frozen=True, slots=True)
class NewUser:
    """``username``: normalized; ``display_name``: as it was given. Times in epoch seconds."""

    user_id: str
    phone_id: str
    username: str
    display_name: str
    code: str = field(repr=False)
    now: float
    expires: float


def enrolling(new: NewUser) -> Job[bool]:
    """False: there is a user, or an alias, of that name already."""
    row: Parameters = {
        "user": new.user_id,
        "phone": new.phone_id,
        "username": new.username,
        "shown": new.display_name,
        "code_hash": hash_of(new.code),
        "now": new.now,
        "expires": new.expires,
    }

    def job(connection: Connection) -> bool:
        if connection.execute(_IS_TAKEN, row).fetchall():
            return False
        for statement in (_USER, _PHONE, _PHONE_USER, _ACTIVATION):
            connection.execute(statement, row)
        return True

    return job
