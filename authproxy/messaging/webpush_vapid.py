"""Who sends a push, as push services want it proved: VAPID (RFC 8292), a signed token for each service. Pure."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from authproxy.messaging.webpush_cipher import point_of, to_base64url

_VALID_SECONDS: Final = 12 * 3600  # 24 hours at most, RFC 8292 2
_MOST_KEPT: Final = 50
_PART = 32  # bytes of r, and of s


def new_key() -> bytes:
    """DER, PKCS #8."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class Vapid:
    def __init__(self, key: bytes, contact: str) -> None:
        """``key`` as :func:`new_key` gives it; ``contact``: a URL at which the service's people are found."""
        loaded = load_der_private_key(key, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        self._contact = contact
        self.public_key = to_base64url(point_of(loaded.public_key()))
        self._tokens: dict[str, tuple[str, float]] = {}

    def authorization(self, endpoint: str, now: float) -> str:
        """The header. The token is used again for half of its time: push services like that better."""
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        token, fresh_until = self._tokens.get(audience, ("", 0.0))
        if now >= fresh_until:
            if len(self._tokens) >= _MOST_KEPT:
                self._tokens.clear()
            token = self._token(audience, now)
            self._tokens[audience] = token, now + _VALID_SECONDS / 2
        return f"vapid t={token}, k={self.public_key}"

    def _token(self, audience: str, now: float) -> str:
        claims = {"aud": audience, "exp": int(now) + _VALID_SECONDS, "sub": self._contact}
        text = ".".join(
            to_base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims)
        )
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{to_base64url(r.to_bytes(_PART) + s.to_bytes(_PART))}"
