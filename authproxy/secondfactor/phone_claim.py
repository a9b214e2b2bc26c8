"""An activation claimed: the phone gets its app, and the app a code generator. One job, one commit."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import JsonValue
from authproxy.secondfactor import activations
from authproxy.secondfactor.audit import note_at
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.phone_jobs import CANCEL, FORGET_APP, FORGET_CODES, PhoneApp, finding
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import device_users, devices, phone_apps, phone_users, phones, users
from authproxy.store.writer import Job

UNTESTED: Final = 1
FIRST: Final = 2
_SEED_BYTES = 20

_USER = compiled(sa.select(users.c.username, users.c.status).where(users.c.id == bindparam("owner")))
_NEW_PHONE = compiled(
    phones.insert().values(id=bindparam("phone"), platform=bindparam("system"), created=bindparam("now"))
)
_LAST_PHONE = sa.select(sa.func.coalesce(sa.func.max(phone_users.c.position), sa.literal_column("0"))).where(
    phone_users.c.user_id == bindparam("owner")
)
_NEW_OWNER = compiled(
    phone_users.insert().values(
        user_id=bindparam("owner"),
        phone_id=bindparam("phone"),
        position=_LAST_PHONE.scalar_subquery() + sa.literal_column("1"),
    )
)
_PLATFORM = compiled(
    phones.update()
    .where(phones.c.id == bindparam("phone"), phones.c.platform == sa.literal_column("''"))
    .values(platform=bindparam("system"))
)
_APP = compiled(
    phone_apps.insert().values(
        phone_id=bindparam("phone"),
        kind=bindparam("app"),
        serial=bindparam("name"),
        public_key=bindparam("key"),
        server_key=bindparam("own_key"),
        is_untested=bindparam("untested"),
        created=bindparam("now"),
        last_contact=bindparam("now"),
    )
)
_GENERATOR = compiled(
    devices.insert().values(
        id=bindparam("device"),
        kind=sa.literal_column("'totp'"),
        origin=sa.literal_column("'phone'"),
        name=sa.literal_column("'phone app'"),
        phone_id=bindparam("phone"),
        seed=bindparam("sealed"),
        created=bindparam("now"),
    )
)
_OWNERS = compiled(sa.select(phone_users.c.user_id).where(phone_users.c.phone_id == bindparam("phone")))
_LAST_DEVICE = sa.select(sa.func.coalesce(sa.func.max(device_users.c.position), sa.literal_column("0"))).where(
    device_users.c.user_id == bindparam("owner")
)
_GENERATOR_OF = compiled(
    device_users.insert().values(
        user_id=bindparam("owner"),
        device_id=bindparam("device"),
        position=_LAST_DEVICE.scalar_subquery() + sa.literal_column("1"),
    )
)


@dataclass(frozen=True, slots=True)
class NewApp:
    """What the phone will be known by, made before the job. ``sealed``: its generator's seed, if it has one."""

    kind: str
    serial: str
    public_key: bytes
    platform: str = ""
    server_key: bytes | None = field(default=None, repr=False)
    device_id: str = ""
    sealed: bytes | None = field(default=None, repr=False)
    spare_phone_id: str = field(default_factory=lambda: new_id("DP"))


@dataclass(frozen=True, slots=True)
class Done:
    """The app as it is now; ``ended``: pushes that were the app's before."""

    app: PhoneApp
    ended: list[str]


class UserDisabled(Exception):
    """Undoes the job: the code can be used when the user has been enabled."""


def new_web_app(public_key: bytes, platform: str, seeds: SeedBox) -> tuple[NewApp, bytes]:
    """And the secret of its generator."""
    secret, device_id = secrets.token_bytes(_SEED_BYTES), new_id("DH")
    sealed = seeds.encrypt(device_id, secret)
    return NewApp("web", new_serial(), public_key, platform, None, device_id, sealed), secret


def new_serial() -> str:
    """Random, so that no two services give one twice to the same phone."""
    return "AP" + base64.b32encode(secrets.token_bytes(15)).decode("ascii")


def claiming(code: str, new: NewApp, now: float) -> Job[Done | None]:
    """None: the code is unknown, used or expired. Raises UserDisabled."""

    def job(connection: Connection) -> Done | None:
        activation = activations.claim(connection, code, now)
        if activation is None:
            return None
        user = connection.execute(_USER, {"owner": activation.user_id}).fetchone()
        if user is None or user[1] == "disabled":
            raise UserDisabled
        phone_id = activation.phone_id or new.spare_phone_id
        if activation.phone_id is None:
            connection.execute(_NEW_PHONE, {"phone": phone_id, "system": new.platform, "now": now})
            connection.execute(_NEW_OWNER, {"owner": activation.user_id, "phone": phone_id})
        ended = [row[0] for row in connection.execute(CANCEL, {"phone": phone_id, "now": now}).fetchall()]
        connection.execute(FORGET_CODES, {"phone": phone_id})
        connection.execute(FORGET_APP, {"phone": phone_id})
        connection.execute(_PLATFORM, {"phone": phone_id, "system": new.platform})
        untested = _mark_of(activation.needs_test, is_first=activation.phone_id is None)
        _install(connection, phone_id, new, now, untested)
        told: dict[str, JsonValue] = {"phone": phone_id, "kind": new.kind}
        note_at(connection, now, f"user:{user[0]}", "phone activate", str(user[0]), told)
        app = finding(new.serial)(connection)
        assert app is not None
        return Done(app, ended)

    return job


def _mark_of(needs_test: bool, is_first: bool) -> int:
    """How the table marks an app that has yet to answer; ``is_first``: that it counts only if its user has nothing
    else by then."""
    return 0 if not needs_test else FIRST if is_first else UNTESTED


def _install(connection: Connection, phone_id: str, new: NewApp, now: float, untested: int) -> None:
    """The generator of an app that is not tested yet is nobody's: see ``phone_test``."""
    app: Parameters = {
        "phone": phone_id,
        "app": new.kind,
        "name": new.serial,
        "key": new.public_key,
        "own_key": new.server_key,
        "untested": untested,
        "now": now,
    }
    connection.execute(_APP, app)
    if new.sealed is None:
        return
    generator: Parameters = {"device": new.device_id, "phone": phone_id, "sealed": new.sealed, "now": now}
    connection.execute(_GENERATOR, generator)
    if not untested:
        give_generator(connection, phone_id, new.device_id)


def give_generator(connection: Connection, phone_id: str, device_id: str) -> None:
    """It makes codes for everybody whose phone it is."""
    for (owner,) in connection.execute(_OWNERS, {"phone": phone_id}).fetchall():
        connection.execute(_GENERATOR_OF, {"owner": owner, "device": device_id})
