"""A security key in software: makes credentials and answers challenges as browsers hand them to a page, and lies
when it is told to."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode

UP, UV, BE, BS, AT = 1, 4, 8, 16, 64


@dataclass
class SoftKey:
    """``origin`` is what the browser says; ``counter`` what the key says next. ``more``: other members of the
    client data."""

    origin: str
    rp_id: str = "localhost"
    counter: int = 1
    flags: int = UP | UV
    more: dict[str, Any] = field(default_factory=dict)
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        client = self._client("webauthn.create", options["publicKey"]["challenge"])
        public = cbor.encode(dict(ES256.from_cryptography_key(self.private.public_key())))
        credential = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + public
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(AT) + credential}
        return self._said(
            clientDataJSON=client, attestationObject=cbor.encode(made), transports=["usb", "smart-dust"]
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        client, data = self._client("webauthn.get", options["publicKey"]["challenge"]), self._data()
        signature = self.private.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._said(**parts, **({"userHandle": self.handle} if self.handle else {}))

    def _data(self, more: int = 0) -> bytes:
        counter, self.counter = self.counter, self.counter + (1 if self.counter else 0)
        return sha256(self.rp_id.encode()).digest() + bytes([self.flags | more]) + counter.to_bytes(4)

    def _client(self, type_: str, challenge: str) -> bytes:
        said = {"type": type_, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **self.more}
        return json.dumps(said).encode()

    def _said(self, **parts: Any) -> dict[str, Any]:
        encoded = {
            key: websafe_encode(value) if isinstance(value, bytes) else value for key, value in parts.items()
        }
        id_ = websafe_encode(self.credential_id)
        return {
            "id": id_,
            "rawId": id_,
            "type": "public-key",
            "response": encoded,
            "clientExtensionResults": {},
        }
