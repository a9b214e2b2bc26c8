"""The authenticator app of an administrator: TOTP (RFC 6238), six digits every 30 seconds, SHA-1.

A seed follows from a mark, which its page carries: loading the page again shows the same QR code, and nothing is
stored until a code from the app has proved that it arrived.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from typing import Final

import pyotp
import sqlalchemy as sa

from authproxy.secondfactor import passcode
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.devices import ISSUER
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.tables import administrators

_STEP: Final = 30  # seconds
_WINDOW: Final = 1  # steps that a clock may be off, either way
_SEED_BYTES: Final = 20  # RFC 4226 4, R6
_SEALED, _OFFERED = "administrators' seeds", "offered seeds"


@dataclass(frozen=True, slots=True)
class Offer:
    """What an app is given: ``secret`` (base32) to type, ``uri`` for a QR code."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


def offer(seeds: SeedBox, admin: Administrator, mark: str) -> Offer:
    """``mark``: a text that was not used for this administrator before."""
    secret = base64.b32encode(_offered(seeds, admin, mark)).decode()
    name = f"{ISSUER} Admin Panel"
    return Offer(secret, pyotp.TOTP(secret, interval=_STEP).provisioning_uri(name=admin.email, issuer_name=name))


def take_offer(
    connection: sa.Connection, seeds: SeedBox, admin: Administrator, mark: str, code: str, now: float
) -> bool:
    """The app of the offer becomes the administrator's, instead of the one before, if the code is its; the code is
    used up by that. Whether it was."""
    seed = _offered(seeds, admin, mark)
    step = _matching(seed, code, now)
    if step is None:
        return False
    values = {"totp_seed": seeds.seal(_SEALED, admin.id, seed), "totp_last_step": step}
    connection.execute(_this(admin).values(**values))
    return True


def use_code(connection: sa.Connection, seeds: SeedBox, admin: Administrator, code: str, now: float) -> bool:
    """Whether it is right, and used for the first time. Raises SecretError."""
    query = sa.select(administrators.c.totp_seed).where(administrators.c.id == admin.id)
    sealed = connection.execute(query).scalar_one_or_none()
    if sealed is None:
        return False
    step = _matching(seeds.unseal(_SEALED, admin.id, sealed), code, now)
    if step is None:
        return False
    last = administrators.c.totp_last_step
    change = _this(admin).where(sa.or_(last.is_(None), last < step)).values(totp_last_step=step)
    return connection.execute(change).rowcount == 1


def forget_app(connection: sa.Connection, admin: Administrator) -> None:
    connection.execute(_this(admin).values(totp_seed=None, totp_last_step=None))


def _matching(seed: bytes, code: str, now: float) -> int | None:
    return passcode.match_near(seed, "".join(code.split()), passcode.step_at(now, _STEP), _WINDOW)


def _offered(seeds: SeedBox, admin: Administrator, mark: str) -> bytes:
    return hmac.digest(seeds.derived(_OFFERED), f"{admin.id}\0{mark}".encode(), "sha256")[:_SEED_BYTES]


def _this(admin: Administrator) -> sa.Update:
    return administrators.update().where(administrators.c.id == admin.id)
