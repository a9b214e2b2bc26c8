"""Codes with which an application fetches what came of a prompt (OpenID Connect Core 3.1.3), and assertions of
applications that were seen already."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import tickets

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
    payload: dict[str, JsonValue] = {
        "ikey": grant.ikey,
        "redirect_uri": grant.redirect_uri,
        "claims": dict(grant.claims),
    }
    tickets.issue(connection, _CODE, code.encode(), payload, now + VALID_SECONDS, now)
    return code


def redeem_code(
    connection: sa.Connection, code: str, ikey: str, redirect_uri: str, now: float
) -> Mapping[str, JsonValue] | None:
    """The claims. A code that is tried by another application, or for another address, is used up as well."""
    payload = tickets.take(connection, _CODE, code.encode("utf-8", "replace"), now)
    if payload is None or (payload["ikey"], payload["redirect_uri"]) != (ikey, redirect_uri):
        return None
    claims = payload["claims"]
    assert isinstance(claims, dict)
    return claims


def use_assertion(connection: sa.Connection, ikey: str, jti: str, expires: float, now: float) -> bool:
    """False: an assertion of this application with this ``jti`` has been seen (RFC 7523 3, item 7)."""
    seen = f"{ikey}\x00{jti}".encode("utf-8", "replace")
    return tickets.is_new(connection, _ASSERTION, seen, expires, now)
