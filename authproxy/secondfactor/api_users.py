"""The user whom a call of the Auth API names: by name or alias in the application's spelling, or by ID."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import Allowed, Refused
from authproxy.secondfactor.account import Account
from authproxy.secondfactor.admission import Admission
from authproxy.secondfactor.authapi import BadParameter, Who
from authproxy.secondfactor.known import Known, load_known
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.reach import Lines
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import bypass_codes, device_users, devices, users
from authproxy.store.writer import Job

_NAME = compiled(sa.select(users.c.username).where(users.c.id == bindparam("user")))
_GENERATORS = compiled(
    sa.select(devices.c.phone_id)
    .join(device_users, device_users.c.device_id == devices.c.id)
    .where(device_users.c.user_id == bindparam("user"), devices.c.phone_id.is_not(None))
)
_BYPASS = compiled(
    sa.select(sa.func.count())
    .select_from(bypass_codes)
    .where(
        bypass_codes.c.user_id == bindparam("user"),
        sa.or_(bypass_codes.c.uses_left.is_(None), bypass_codes.c.uses_left > sa.literal_column("0")),
        sa.or_(bypass_codes.c.expires.is_(None), bypass_codes.c.expires > bindparam("now")),
    )
)


@dataclass(frozen=True, slots=True)
class ApiUser:
    """``name``: normalized. ``generators``: the phones whose app makes codes."""

    name: str
    standing: Known | Allowed | Refused
    generators: frozenset[str] = frozenset()
    has_bypass_code: bool = False


def name_of(who: Who, normalization: str) -> str:
    """Empty when it is the ID that is given. Raises BadParameter."""
    if bool(who.username) == bool(who.user_id):
        raise BadParameter("username")
    if not who.user_id.isascii():
        raise BadParameter("user_id")
    name = normalize(who.username, normalization)
    if who.username and not name:
        raise BadParameter("username")
    return name


def looking_up(name: str, user_id: str, admission: Admission, lines: Lines, now: float) -> Job[ApiUser | None]:
    """``user_id`` counts when ``name`` is empty. None: there is no such ID."""

    def job(connection: Connection) -> ApiUser | None:
        key = name
        if not key:
            row = connection.execute(_NAME, {"user": user_id}).fetchone()
            if row is None:
                return None
            key = row[0]
        standing = admission.judge(connection, key, now)
        if not isinstance(standing, Account):
            return ApiUser(key, standing)
        owner = {"user": standing.id}
        generators = connection.execute(_GENERATORS, owner).fetchall()
        bypass = connection.execute(_BYPASS, {**owner, "now": now}).fetchall()
        return ApiUser(
            key,
            load_known(connection, standing, now, lines),
            frozenset(phone_id for (phone_id,) in generators),
            bypass[0][0] > 0,
        )

    return job
