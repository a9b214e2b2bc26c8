"""What a browser's push service carries but can't read: RFC 8291 over RFC 8188 (aes128gcm). Pure."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LARGEST_PAYLOAD: Final = 2048
_RECORD: Final = 4096
_POINT, _AUTH, _SALT = 65, 16, 16  # bytes
_LAST_RECORD = b"\x02"


@dataclass(frozen=True, slots=True)
class Recipient:
    """``point``: the browser's public key, uncompressed; ``auth``: the secret it shares with us."""

    point: bytes
    auth: bytes = field(repr=False)

    @classmethod
    def read(cls, p256dh: str, auth: str) -> Recipient:
        """Base64url, as subscriptions have them. Raises ValueError."""
        recipient = cls(from_base64url(p256dh), from_base64url(auth))
        if len(recipient.point) != _POINT or len(recipient.auth) != _AUTH:
            raise ValueError("the keys are not those of a subscription")
        _public(recipient.point)
        return recipient


def encrypt(
    payload: bytes, to: Recipient, key: ec.EllipticCurvePrivateKey | None = None, salt: bytes = b""
) -> bytes:
    """One record. ``key`` and ``salt`` are made anew for each message unless given. Raises ValueError."""
    if len(payload) > LARGEST_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes; wanted {LARGEST_PAYLOAD} at most")
    key = key or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(_SALT)
    own = point_of(key.public_key())
    shared = key.exchange(ec.ECDH(), _public(to.point))
    material = _derive(shared, to.auth, b"WebPush: info\0" + to.point + own, 32)
    cipher = AESGCM(_derive(material, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derive(material, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + _RECORD.to_bytes(4) + len(own).to_bytes(1) + own
    return head + cipher.encrypt(nonce, payload + _LAST_RECORD, None)


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def from_base64url(text: str) -> bytes:
    """With or without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)


def to_base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
