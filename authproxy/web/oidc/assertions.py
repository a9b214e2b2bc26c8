"""JSON Web Tokens that applications sign with their secret key (HS512; RFC 7519, RFC 7523), and ours. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from authproxy.model import JsonValue

ALGORITHM: Final = "HS512"
LEEWAY: Final = 60.0
LONGEST_LIFE: Final = 300.0
LONGEST: Final = 16_384  # characters
_LONGEST_JTI: Final = 256

Claims = Mapping[str, JsonValue]


class BadAssertion(Exception):
    """It proves nothing; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An application's word that it is the one. ``audience``: how it knows the endpoint."""

    audience: str
    jti: str
    expires: float


def signed_claims(token: str, key: bytes, now: float) -> Claims:
    """Of a token that ``key`` signed and that has not expired. Raises BadAssertion."""
    if not token or len(token) > LONGEST or not token.isascii():
        raise BadAssertion("no token")
    try:
        claims = jwt.decode(token, OctKey.import_key(key), algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadAssertion(f"not signed by the application: {type(error).__name__}") from None
    if not isinstance(claims, dict):
        raise BadAssertion("its claims are no object")
    _check_times(claims, now)
    return claims


def client_assertion(token: str, ikey: str, key: bytes, endpoints: Collection[str], now: float) -> Assertion:
    """``endpoints``: what the endpoint may be called. Raises BadAssertion."""
    claims = signed_claims(token, key, now)
    if claims.get("iss") != ikey or claims.get("sub") != ikey:
        raise BadAssertion("iss or sub is another application")
    audience, jti = _audience(claims), claims.get("jti")
    if audience not in endpoints:
        raise BadAssertion(f"aud is {audience!r:.200}")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise BadAssertion("jti is missing")
    expires = claims["exp"]
    assert isinstance(expires, int | float)
    return Assertion(audience, jti, expires + LEEWAY)


def claimed_issuer(token: str) -> str:
    """Whom a token names, true or not: for clients that tell their ID there alone. "": nobody."""
    try:
        part = token[:LONGEST].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        issuer = claims.get("iss")
    except (ValueError, IndexError, AttributeError, RecursionError):
        return ""
    return issuer if isinstance(issuer, str) else ""


def sign(claims: Claims, key: bytes) -> str:
    return jwt.encode(
        {"alg": ALGORITHM, "typ": "JWT"}, dict(claims), OctKey.import_key(key), algorithms=[ALGORITHM]
    )


def _check_times(claims: Claims, now: float) -> None:
    expires, issued = claims.get("exp"), claims.get("iat", 0)
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise BadAssertion("exp is missing")
    if not now - LEEWAY < expires <= now + LONGEST_LIFE + LEEWAY:
        raise BadAssertion(f"exp is {expires - now:+.0f} s from now")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or issued > now + LEEWAY:
        raise BadAssertion("iat is in the future")


def _audience(claims: Claims) -> str:
    said = claims.get("aud")
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    return said if isinstance(said, str) else ""
