"""The privacyIDEA Authenticator as a server sees it: strict about what it reads, as the app is."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

_STRINGS = ("nonce", "url", "serial", "question", "title", "sslverify", "signature")


@cache
def app_key() -> rsa.RSAPrivateKey:
    """One for all tests: making them takes long."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Authenticator:
    """A token in the app."""

    url: str
    serial: str
    credential: str
    key: rsa.RSAPrivateKey = field(default_factory=app_key)
    server_key: rsa.RSAPublicKey | None = None

    @classmethod
    def scan(cls, qr: str) -> Authenticator:
        """What the app demands of a QR code."""
        parts = urlsplit(qr)
        assert (parts.scheme, parts.netloc) == ("otpauth", "pipush")
        assert unquote(parts.path.lstrip("/"))
        given = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert given["v"] == "1"
        assert given["poll_only"] == "True"
        assert given["sslverify"] == "1"
        assert int(given["ttl"]) > 0
        assert len(bytes.fromhex(given["enrollment_credential"])) == 20
        assert urlsplit(given["url"]).scheme == "https"
        return cls(given["url"], given["serial"], given["enrollment_credential"])

    def sign(self, text: str) -> str:
        return base64.b32encode(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    # ------------------------------------------------------------ what it sends

    def enrollment(self) -> dict[str, str]:
        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "enrollment_credential": self.credential,
            "serial": self.serial,
            "fbtoken": "no_firebase_token",
            "pubkey": base64.b64encode(spki).decode(),
            "capabilities": '["decline_reason"]',
        }

    def learn(self, public_key: str) -> None:
        """PKCS #1: the app reads two numbers and nothing else."""
        octets = base64.b64decode(public_key, validate=True)
        assert octets[:1] == b"\x30"
        key = load_der_public_key(octets)
        assert isinstance(key, rsa.RSAPublicKey)
        assert octets == key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        self.server_key = key

    def poll(self, now: float, capabilities: str = "") -> dict[str, str]:
        timestamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        fields = {"serial": self.serial, "timestamp": timestamp}
        fields["signature"] = self.sign(f"{self.serial}|{timestamp}")
        return fields | ({"capabilities": capabilities} if capabilities else {})

    def answer(
        self, challenge: dict[str, str], *, picked: str = "", decline: bool = False, why: str = ""
    ) -> dict[str, str]:
        parts = [challenge["nonce"], self.serial]
        parts += (["decline"] if decline else []) + ([why] if why else []) + ([picked] if picked else [])
        fields = {"serial": self.serial, "nonce": challenge["nonce"], "signature": self.sign("|".join(parts))}
        fields |= {"decline": "1"} if decline else {}
        fields |= {"decline_reason": why} if why else {}
        return fields | ({"presence_answer": picked} if picked else {})

    # ------------------------------------------------------------ what it reads

    def read(self, challenge: dict[str, str]) -> None:
        """Fails where the app would drop the whole list."""
        assert all(isinstance(value, str) for value in challenge.values())
        assert not [name for name in _STRINGS if not challenge.get(name)]
        parts = [challenge[name] for name in ("nonce", "url", "serial", "question", "title", "sslverify")]
        assert not [part for part in parts if "|" in part]
        parts += [challenge["require_presence"]] if "require_presence" in challenge else []
        self.verify("|".join(parts), challenge["signature"])
        if "capabilities" in challenge:
            canonical = {"capabilities": json.loads(challenge["capabilities"]), "nonce": challenge["nonce"]}
            text = json.dumps(canonical, separators=(",", ":"), sort_keys=True)
            self.verify(text, challenge["capabilities_signature"])

    def verify(self, text: str, signature: str) -> None:
        assert self.server_key is not None
        self.server_key.verify(base64.b32decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
