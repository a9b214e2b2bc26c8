"""Code generators of users, as administrators manage them."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import Final

import pyotp
import sqlalchemy as sa

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import User
from authproxy.store.tables import device_users, devices, users

ISSUER: Final = "authproxy"
DIGITS: Final = (6, 8)
_SHORTEST_STEP, _LONGEST_STEP = 15, 300


@dataclass(frozen=True, slots=True)
class NewDevice:
    """Shown once: ``secret`` (base32) and ``uri`` (for a QR code) can't be had again."""

    id: str
    name: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device in a list. ``position`` counts a user's devices from 1; times in epoch seconds. ``phone_id``: the
    phone whose app shows its codes."""

    id: str
    username: str
    position: int
    kind: str
    origin: str
    name: str
    serial: str | None
    digits: int
    step: int
    created: float
    last_used: float | None
    phone_id: str | None

    @property
    def label(self) -> str:
        """How it is shown to people."""
        return self.name or (f"token {self.serial}" if self.serial else self.id)


def add_totp(
    connection: sa.Connection, user: User, seeds: SeedBox, name: str = "", digits: int = 6, step: int = 30
) -> NewDevice:
    """A time-based generator (RFC 6238, SHA-1, ``step`` in seconds). Raises BadValue."""
    check_step(step)
    _check_digits(digits)
    secret = pyotp.random_base32()
    totp = pyotp.TOTP(secret, digits=digits, interval=step)
    uri = totp.provisioning_uri(name=user.display_name, issuer_name=ISSUER)
    return _add(connection, user, seeds, "totp", name or "authenticator app", secret, uri, digits, step)


def add_hotp(connection: sa.Connection, user: User, seeds: SeedBox, name: str = "", digits: int = 6) -> NewDevice:
    """A counter-based generator (RFC 4226) that begins at 0. Raises BadValue."""
    _check_digits(digits)
    secret = pyotp.random_base32()
    uri = pyotp.HOTP(secret, digits=digits).provisioning_uri(name=user.display_name, issuer_name=ISSUER)
    return _add(connection, user, seeds, "hotp", name or "code generator", secret, uri, digits, 30)


def check_step(step: int) -> None:
    """Raises BadValue."""
    if not _SHORTEST_STEP <= step <= _LONGEST_STEP:
        raise BadValue(f"a step of {step} seconds; wanted {_SHORTEST_STEP} to {_LONGEST_STEP}")


def _check_digits(digits: int) -> None:
    if digits not in DIGITS:
        raise BadValue(f"codes of {digits} digits; wanted 6 or 8")


def _add(
    connection: sa.Connection,
    user: User,
    seeds: SeedBox,
    kind: str,
    name: str,
    secret: str,
    uri: str,
    digits: int,
    step: int,
) -> NewDevice:
    name = _checked_name(name)
    device_id = new_id("DH")
    connection.execute(
        devices.insert().values(
            id=device_id,
            kind=kind,
            origin="software",
            name=name,
            digits=digits,
            step=step,
            seed=seeds.encrypt(device_id, base64.b32decode(secret)),
            created=time.time(),
        )
    )
    assign(connection, device_id, user)
    return NewDevice(device_id, name, secret, uri)


def assign(connection: sa.Connection, device_id: str, user: User) -> None:
    """The device becomes the user's last."""
    last = sa.select(sa.func.coalesce(sa.func.max(device_users.c.position), 0)).where(
        device_users.c.user_id == user.id
    )
    position = connection.execute(last).scalar_one() + 1
    connection.execute(device_users.insert().values(user_id=user.id, device_id=device_id, position=position))


_ROW = sa.select(
    devices.c.id,
    users.c.username,
    device_users.c.position,
    devices.c.kind,
    devices.c.origin,
    devices.c.name,
    devices.c.serial,
    devices.c.digits,
    devices.c.step,
    devices.c.created,
    devices.c.last_used,
    devices.c.phone_id,
).select_from(
    devices.join(device_users, device_users.c.device_id == devices.c.id).join(
        users, users.c.id == device_users.c.user_id
    )
)


def list_devices(connection: sa.Connection, user: User | None = None) -> list[DeviceRow]:
    """One user's, or everybody's, in order."""
    query = _ROW.order_by(users.c.username, device_users.c.position)
    if user is not None:
        query = query.where(users.c.id == user.id)
    return [DeviceRow(**row._mapping) for row in connection.execute(query)]


def find_device(connection: sa.Connection, device_id: str) -> DeviceRow:
    """Raises NotFound."""
    row = connection.execute(_ROW.where(devices.c.id == device_id.strip().upper())).first()
    if row is None:
        raise NotFound(f"there is no device {device_id!r}; `authproxy device list` shows all")
    return DeviceRow(**row._mapping)


def delete_device(connection: sa.Connection, device: DeviceRow) -> None:
    """Its codes are refused from now on, also by logins that are pending."""
    connection.execute(devices.delete().where(devices.c.id == device.id))


def rename_device(connection: sa.Connection, device: DeviceRow, name: str) -> None:
    """Raises BadValue."""
    connection.execute(devices.update().where(devices.c.id == device.id).values(name=_checked_name(name)))


def _checked_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise BadValue(f"{name!r} is no device name")
    return name.strip()
