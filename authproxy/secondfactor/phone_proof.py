"""A phone's signature: the text it signs, the check, and requests that come a second time. Pure."""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from authproxy.secondfactor.phone_api import PhoneRefused, Signed, Why

CLOCK_SECONDS: Final = 60.0
"""How far the time of a request may be off. Phones follow the service's clock, whatever their own says."""

_VERSION = b"authproxy phone 1"
_PART = 32  # bytes of r, and of s
_SERIAL = re.compile(r"[A-Z0-9]{0,40}\Z")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}\Z")
_MOST_SEEN = 50_000


def signed_text(request: Signed) -> bytes:
    """What the signature covers, a line each: version, path, serial, time, nonce; then the body as it was sent."""
    head = (request.path, request.serial, str(request.time), request.nonce)
    return b"\n".join((_VERSION, *(part.encode() for part in head), request.body))


def check_form(request: Signed) -> None:
    """Raises PhoneRefused. What passes holds no line break where the signed text has one."""
    sound = _SERIAL.match(request.serial) and _NONCE.match(request.nonce) and len(request.signature) == 2 * _PART
    if not sound:
        raise PhoneRefused(Why.BAD_REQUEST, "The request is damaged.")


def check_signature(request: Signed, public_key: bytes) -> None:
    """Raises PhoneRefused."""
    key = read_key(public_key)
    r, s = (int.from_bytes(part) for part in (request.signature[:_PART], request.signature[_PART:]))
    try:
        key.verify(encode_dss_signature(r, s), signed_text(request), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise PhoneRefused(Why.FORGED, "The request was not signed by this phone.") from None


@lru_cache(maxsize=512)
def read_key(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """DER SubjectPublicKeyInfo of a point on P-256. Raises PhoneRefused."""
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PhoneRefused(Why.BAD_REQUEST, "The phone's key is not one of P-256.")
    return key


class Seen:
    """Requests of the last two minutes: none may come twice."""

    def __init__(self) -> None:
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def check(self, request: Signed, now: float) -> None:
        """``now``: epoch seconds. Raises PhoneRefused."""
        if abs(request.time / 1000 - now) > CLOCK_SECONDS:
            raise PhoneRefused(Why.CLOCK, "The phone's clock is off.")
        until, key = self._until, (request.serial, request.nonce)
        while until and (next(iter(until.values())) < now or len(until) >= _MOST_SEEN):
            until.popitem(last=False)
        if key in until:
            raise PhoneRefused(Why.REPLAYED, "This request was made before.")
        until[key] = now + 2 * CLOCK_SECONDS
