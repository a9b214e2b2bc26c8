"""Codes with which an application fetches what came of a prompt (OpenID Connect Core 3.1.3), and assertions of
applications that were seen already. Rows of ``tickets``: a code is stored as its SHA-256."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.store.tables import tickets

VALID_SECONDS: Final = 120.0
_CODE, _ASSERTION = "oidc code", "oidc assertion"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for. ``ikey``: the application that may have it, at this ``redirect_uri``. ``claims``: of
    the ID token, but for those of the token itself."""

    ikey: str
    redirect_uri: str
    claims: Mapping[str, JsonValue]


def issue_code(connection: sa.Connection, grant: Grant, now: float) -> str:
    """Good once, for two minutes."""
    code = secrets.token_urlsafe(32)
    payload = {"ikey": grant.ikey, "redirect_uri": grant.redirect_uri, "claims": dict(grant.claims)}
    connection.execute(
        tickets.insert().values(
            hash=_hash(code),
            kind=_CODE,
            payload=json.dumps(payload),
            created=now,
            expires=now + VALID_SECONDS,
        )
    )
    return code


def redeem_code(
    connection: sa.Connection, code: str, ikey: str, redirect_uri: str, now: float
) -> Mapping[str, JsonValue] | None:
    """The claims. A code that is tried by another application, or for another address, is used up as well."""
    used = (
        tickets.update()
        .where(
            tickets.c.hash == _hash(code),
            tickets.c.kind == _CODE,
            tickets.c.used.is_(None),
            tickets.c.expires > now,
        )
        .values(used=now)
        .returning(tickets.c.payload)
    )
    row = connection.execute(used).scalar_one_or_none()
    if row is None:
        return None
    payload = json.loads(row)
    if (payload["ikey"], payload["redirect_uri"]) != (ikey, redirect_uri):
        return None
    claims: Mapping[str, JsonValue] = payload["claims"]
    return claims


def use_assertion(connection: sa.Connection, ikey: str, jti: str, expires: float, now: float) -> bool:
    """False: an assertion of this application with this ``jti`` has been seen (RFC 7523 3, item 7)."""
    seen = tickets.insert().values(
        hash=_hash(f"{ikey}\x00{jti}"), kind=_ASSERTION, payload="{}", created=now, expires=expires, used=now
    )
    try:
        with connection.begin_nested():
            connection.execute(seen)
    except sa.exc.IntegrityError:
        return False
    return True


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()
