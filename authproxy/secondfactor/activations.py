"""Activations: a code, shown once as a link and a QR code, that makes a phone the user's own.

Only its hash is stored. It is claimed once, by the phone's page or app.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.refusals import BadValue
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import activations, device_users, phone_apps, phone_users, security_keys
from authproxy.store.writer import Job

DEFAULT_SECONDS: Final = 86_400
_LONGEST_SECONDS = 365 * 86_400
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 20  # 119 bits
_SCHEME = "duo://"
_BEFORE_CODE = re.compile(r".*[/#]")
_CODE = re.compile(f"[A-Za-z0-9]{{{_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class NewActivation:
    """``code`` as Duo's API gives it (``duo://CODE-HOST``), ``url`` for a phone's browser, ``barcode`` the
    address of a picture of ``url``. Both are empty without ``base_url``. ``expires`` in epoch seconds."""

    code: str = field(repr=False)
    url: str = field(repr=False)
    barcode: str = field(repr=False)
    expires: float


@dataclass(frozen=True, slots=True)
class Activation:
    """What a code that was just claimed stands for. ``phone_id`` is None for an enrollment without a phone yet.
    ``needs_test``: what claims it counts once it has answered a test."""

    kind: str
    user_id: str
    phone_id: str | None
    needs_test: bool = False


def new_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def shown(code: str, base_url: str, expires: float) -> NewActivation:
    host = base64.b64encode(urlsplit(base_url).netloc.encode()).decode().rstrip("=")
    full = f"{_SCHEME}{code}-{host}"
    if not base_url:
        return NewActivation(full, "", "", expires)
    link = f"{base_url}/phone/activate#{code}"  # a fragment: browsers keep it out of requests, and so of logs
    return NewActivation(full, link, f"{base_url}/qr?value={quote(full, '')}", expires)


def link_of(code: str, base_url: str) -> str | None:
    """The address that a code of this service (``duo://CODE-HOST``) stands for. None: it is not one."""
    bare = code.removeprefix(_SCHEME).partition("-")[0]
    made = shown(bare, base_url, 0.0)
    return made.url if made.code == code and _CODE.fullmatch(bare) and made.url else None


def hash_of(code: str) -> bytes:
    """Of the bare code, or of what holds it: ``duo://CODE-HOST``, a link."""
    text = code.strip()
    is_duo = text.startswith(_SCHEME)
    bare = text.removeprefix(_SCHEME).partition("-")[0] if is_duo else _BEFORE_CODE.sub("", text)
    return hashlib.sha256(bare.encode("utf-8", "replace")).digest()


# ---------------------------------------------------------------- for administrators


def activate_phone(
    connection: sa.Connection,
    user_id: str,
    phone_id: str,
    base_url: str,
    seconds: int = DEFAULT_SECONDS,
    code: str = "",
    now: float | None = None,
    *,
    needs_test: bool = False,
) -> NewActivation:
    """Another code for the same phone replaces the one before. ``code``: one of the caller's own. ``now``: epoch
    seconds. ``needs_test``: the app counts once it has answered. Raises BadValue."""
    now = time.time() if now is None else now
    expires = checked_expiry(now, seconds)
    code = code or new_code()
    open_ones = sa.and_(activations.c.phone_id == phone_id, activations.c.claimed.is_(None))
    connection.execute(activations.delete().where(open_ones))
    row = {"hash": hash_of(code), "kind": "phone", "user_id": user_id, "phone_id": phone_id}
    connection.execute(
        activations.insert().values(created=now, expires=expires, needs_test=int(needs_test), **row)
    )
    return shown(code, base_url, expires)


def checked_expiry(now: float, seconds: int) -> float:
    """Raises BadValue."""
    if not 1 <= seconds <= _LONGEST_SECONDS:
        raise BadValue(f"valid for {seconds} seconds; wanted 1 to {_LONGEST_SECONDS}, which is a year")
    return now + seconds


# ---------------------------------------------------------------- in the writer's thread


def has_device(user_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a user has an app that counts, what makes codes, or a security key."""
    apps = (
        sa.select(phone_apps.c.phone_id)
        .join(phone_users, phone_users.c.phone_id == phone_apps.c.phone_id)
        .where(phone_apps.c.is_untested == sa.literal_column("0"))
    )
    codes, keys = sa.select(device_users.c.device_id), sa.select(security_keys.c.id)
    return sa.or_(
        sa.exists(apps.where(phone_users.c.user_id == user_id)),
        sa.exists(codes.where(device_users.c.user_id == user_id)),
        sa.exists(keys.where(security_keys.c.user_id == user_id)),
    )


_CLAIM = compiled(
    activations.update()
    .where(
        activations.c.hash == bindparam("code_hash"),
        activations.c.claimed.is_(None),
        activations.c.expires > bindparam("now"),
        sa.or_(activations.c.kind == sa.literal_column("'phone'"), ~has_device(activations.c.user_id)),
    )
    .values(claimed=bindparam("now"))
    .returning(activations.c.kind, activations.c.user_id, activations.c.phone_id, activations.c.needs_test)
)
_END_ENROLLMENTS = compiled(
    activations.delete().where(
        activations.c.user_id == bindparam("owner"),
        activations.c.kind == sa.literal_column("'enroll'"),
        activations.c.claimed.is_(None),
    )
)
_PEEK = compiled(
    sa.select(
        activations.c.kind,
        activations.c.user_id,
        activations.c.phone_id,
        activations.c.expires,
        activations.c.claimed,
    ).where(activations.c.hash == bindparam("code_hash"))
)


def claim(connection: Connection, code: str, now: float) -> Activation | None:
    """Uses a code up, in the transaction that makes the phone the user's: exactly one caller gets it.
    Enrollments end with the first device, however many were begun. None: unknown, used or expired."""
    rows = connection.execute(_CLAIM, {"code_hash": hash_of(code), "now": now}).fetchall()
    if not rows:
        return None
    connection.execute(_END_ENROLLMENTS, {"owner": rows[0][1]})
    kind, user_id, phone_id, needs_test = rows[0]
    return Activation(kind, user_id, phone_id, bool(needs_test))


def peeking(code: str, now: float) -> Job[Activation | None]:
    """The same without using it up, for a page that shows what the code is for."""

    def job(connection: Connection) -> Activation | None:
        row = connection.execute(_PEEK, {"code_hash": hash_of(code)}).fetchone()
        return Activation(*row[:3]) if row and row[4] is None and row[3] > now else None

    return job


def telling_status(user_id: str, code: str, now: float) -> Job[str]:
    """``success``, ``waiting`` or ``invalid``, as the Auth API's enroll_status says it."""

    def job(connection: Connection) -> str:
        row = connection.execute(_PEEK, {"code_hash": hash_of(code)}).fetchone()
        if row is None or row[1] != user_id:
            return "invalid"
        if row[4] is not None:
            return "success"
        return "waiting" if row[3] > now else "invalid"

    return job
