"""A phone with the web app, as far as the service can tell: its key, and requests that it signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authproxy.secondfactor.phone_api import Signed


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass
class WebPhone:
    serial: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    shift: float = 0.0
    """Seconds that its requests are ahead of time."""

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def signed(self, name: str, body: bytes = b"", now: float | None = None, path: str = "") -> Signed:
        """A request for ``/phone/api/NAME``."""
        path = path or f"/phone/api/{name}"
        moment = int(((time.time() if now is None else now) + self.shift) * 1000)
        nonce = secrets.token_urlsafe(18)
        text = "\n".join(("authproxy phone 1", path, self.serial, str(moment), nonce, "")).encode() + body
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return Signed(path, self.serial, moment, nonce, body, r.to_bytes(32) + s.to_bytes(32))

    def authorization(self, name: str, body: bytes = b"") -> str:
        request = self.signed(name, body)
        return f"Phone {request.serial}:{request.time}:{request.nonce}:{base64url(request.signature)}"

    def claim_body(self, code: str) -> dict[str, Any]:
        return {"code": code, "key": base64url(self.public_key), "platform": "google android"}


def tampered(request: Signed, **changes: Any) -> Signed:
    return replace(request, **changes)


def totp(secret: bytes, now: float) -> str:
    """RFC 6238 in a few lines of its own."""
    mac = hmac.digest(secret, int(now // 30).to_bytes(8), hashlib.sha1)
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at : at + 4]) & 0x7FFFFFFF) % 10**6:06d}"


def as_json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()
