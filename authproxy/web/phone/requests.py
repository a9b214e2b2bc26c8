"""What a phone's page sends, read strictly: the signature from a header, the fields from JSON. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from authproxy.secondfactor.phone_api import PhoneRefused, Signed, Why

LARGEST_BODY: Final = 16_384
_SCHEME: Final = "Phone "
_PARTS = 4
_LONGEST_TIME = 15


def signed(path: str, authorization: str, body: bytes) -> Signed:
    """``authorization``: ``Phone SERIAL:TIME:NONCE:SIGNATURE``, the last in base64url. Raises PhoneRefused."""
    if len(body) > LARGEST_BODY:
        raise PhoneRefused(Why.BAD_REQUEST, "The request is too large.")
    parts = authorization.removeprefix(_SCHEME).split(":")
    if not authorization.startswith(_SCHEME) or len(parts) != _PARTS:
        raise PhoneRefused(Why.BAD_REQUEST, "The request is not signed.")
    serial, time, nonce, signature = parts
    if not (time.isascii() and time.isdigit() and len(time) <= _LONGEST_TIME):
        raise PhoneRefused(Why.BAD_REQUEST, "The request has no time.")
    return Signed(path, serial, int(time), nonce, body, octets(signature))


def octets(text: str) -> bytes:
    """Base64url. Raises PhoneRefused."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        raise PhoneRefused(Why.BAD_REQUEST, "The request is damaged.") from None


class Fields:
    """A JSON object."""

    def __init__(self, body: bytes) -> None:
        """Raises PhoneRefused."""
        try:
            read: Any = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise PhoneRefused(Why.BAD_REQUEST, "The request is damaged.")
        self._read: Mapping[str, Any] = read

    def text(self, name: str, default: str | None = None) -> str:
        """Raises PhoneRefused when it is missing without ``default``, or no text."""
        value = self._read.get(name, default)
        if not isinstance(value, str):
            raise PhoneRefused(Why.BAD_REQUEST, f"The request lacks {name}.")
        return value

    def optional(self, name: str) -> str | None:
        return self.text(name) if self._read.get(name) is not None else None

    def whole(self, name: str) -> int:
        """Raises PhoneRefused."""
        value = self._read.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 10**_LONGEST_TIME:
            raise PhoneRefused(Why.BAD_REQUEST, f"The request lacks {name}.")
        return value

    def texts(self, name: str, most: int) -> list[str]:
        """Raises PhoneRefused."""
        value = self._read.get(name)
        if not isinstance(value, list) or len(value) > most or not all(isinstance(each, str) for each in value):
            raise PhoneRefused(Why.BAD_REQUEST, f"The request lacks {name}.")
        return value
