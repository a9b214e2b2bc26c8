"""The words of the pipush protocol, which the privacyIDEA Authenticator speaks: what is signed, and how it is
written. Pure.

Signatures are RSASSA-PKCS1-v1_5 with SHA-256 over texts joined by ``|``, in base32.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

DECLINE_REASON: Final = "decline_reason"
_SEPARATOR = "|"
_HTTPS = 443
_KEY_BITS = range(2048, 8193)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A login as the app is asked about it. ``options``: one of them must be picked."""

    nonce: str
    url: str
    serial: str
    question: str
    title: str
    options: Sequence[str] = ()

    @property
    def signed(self) -> str:
        parts = [self.nonce, self.url, self.serial, self.question, self.title, "1"]
        return _SEPARATOR.join(parts + ([",".join(self.options)] if self.options else []))


def challenge_object(challenge: Challenge, key: rsa.RSAPrivateKey, wants_reason: bool) -> dict[str, str]:
    """Every value is a string: the app refuses a list with any other in it. ``wants_reason``: the app is able to
    say why it declines."""
    shown = {
        "nonce": challenge.nonce,
        "url": challenge.url,
        "serial": challenge.serial,
        "question": challenge.question,
        "title": challenge.title,
        "sslverify": "1",
        "signature": sign(key, challenge.signed),
    }
    if challenge.options:
        shown["require_presence"] = ",".join(challenge.options)
        shown["version"] = "2"
    if wants_reason:
        capabilities = {DECLINE_REASON: True}
        shown["capabilities"] = json.dumps(capabilities)
        shown["capabilities_signature"] = sign(key, capabilities_text(challenge.nonce))
    return shown


def capabilities_text(nonce: str) -> str:
    """Canonical JSON (RFC 8785)."""
    return json.dumps(
        {"capabilities": {DECLINE_REASON: True}, "nonce": nonce}, separators=(",", ":"), sort_keys=True
    )


def answer_text(nonce: str, serial: str, is_decline: bool, reason: str, picked: str) -> str:
    parts = [nonce, serial, "decline" if is_decline else "", reason if is_decline else "", picked]
    return _SEPARATOR.join(part for part in parts if part)


def poll_text(serial: str, timestamp: str) -> str:
    return f"{serial}{_SEPARATOR}{timestamp}"


def refresh_text(token: str, serial: str, timestamp: str) -> str:
    return _SEPARATOR.join((token, serial, timestamp))


def shown_text(text: str) -> str:
    """Without what has a meaning of its own in a signed text."""
    return " ".join(
        "".join(" " if each == _SEPARATOR or not each.isprintable() else each for each in text).split()
    )


def enrollment_url(url: str, serial: str, credential: str, minutes: int, label: str, issuer: str) -> str:
    """What the QR code holds."""
    query = {
        "url": url,
        "ttl": str(minutes),
        "issuer": issuer,
        "enrollment_credential": credential,
        "v": "1",
        "serial": serial,
        "sslverify": "1",
        "poll_only": "True",
    }
    return f"otpauth://pipush/{quote(label.replace(':', ' '), safe='')}?{urlencode(query, quote_via=quote)}"


def normalized(url: str) -> str:
    """As the app writes it after reading it: it signs what it has written. ``url`` without user and query."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _HTTPS) else f":{parts.port}"
    return f"https://{host}{port}{parts.path}"


def read_time(timestamp: str) -> float | None:
    """ISO 8601 as epoch seconds; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(timestamp)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


# ---------------------------------------------------------------- keys and signatures


def read_public_key(text: str) -> bytes | None:
    """An app's key as DER SubjectPublicKeyInfo, from any base64; None: it is no RSA key of a sane size."""
    plain = "".join(text.translate({0x20: "+", 0x2D: "+", 0x5F: "/", 0x0A: None, 0x0D: None}))
    try:
        key = load_der_public_key(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in _KEY_BITS:
        return None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key_text(key: rsa.RSAPrivateKey) -> str:
    """Ours, as the app reads it: PKCS #1 in base64."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode("ascii")


def sign(key: rsa.RSAPrivateKey, text: str) -> str:
    signature = key.sign(text.encode("utf-8", "replace"), padding.PKCS1v15(), hashes.SHA256())
    return base64.b32encode(signature).decode("ascii")


def is_signed(public_key: bytes, signature: str, text: str) -> bool:
    key = load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        octets = base64.b32decode(signature)
        key.verify(octets, text.encode("utf-8", "replace"), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True
