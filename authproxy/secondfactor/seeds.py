"""What must not be readable in the database: seeds of code generators, keys, and codes.

All hang on one key of 32 bytes, which is itself a protected secret (``[service] seed_key``). Seeds are sealed
with AES-256-GCM and bound to their device, so that a row can't be given another device's seed; other secrets the
same way under a key for each purpose. Codes are kept as HMAC-SHA-256 under a key of their own.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from authproxy.errors import SecretError

KEY_LENGTH: Final = 32
_VERSION = b"\x01"
_NONCE = 12


def read_key(text: str) -> bytes:
    """``seed_key`` as it is configured: base64 of 32 bytes. Raises SecretError."""
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise SecretError("seed_key: wanted 32 bytes in base64, as `openssl rand -base64 32` prints them")
    return key


class SeedBox:
    """Seals and opens seeds, and hashes codes. Usable in any thread. What was opened is not remembered: opening it
    again takes a microsecond, less than looking after a memory of seeds would.
    """

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes."""
        self._key = key
        self._cipher = AESGCM(_derived(key, b"authproxy seeds"))
        self._code_key = _derived(key, b"authproxy bypass codes")

    def encrypt(self, device_id: str, seed: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, seed, device_id.encode())

    def decrypt(self, device_id: str, blob: bytes) -> bytes:
        """The seed of a device. Raises SecretError when it was sealed for another device or with another key."""
        if blob[:1] != _VERSION:
            raise SecretError(f"the seed of device {device_id} was written by another version, or is damaged")
        try:
            return self._cipher.decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], device_id.encode())
        except (InvalidTag, ValueError):
            raise SecretError(
                f"the seed of device {device_id} can't be read: another seed_key encrypted it, or it is damaged"
            ) from None

    def seal(self, purpose: str, owner: str, secret: bytes) -> bytes:
        """Any other secret, bound to whose it is. ``purpose``: ``application keys`` ..."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self.derived(purpose))
        return _VERSION + nonce + cipher.encrypt(nonce, secret, owner.encode())

    def unseal(self, purpose: str, owner: str, blob: bytes) -> bytes:
        """Raises SecretError."""
        try:
            if blob[:1] == _VERSION:
                cipher = AESGCM(self.derived(purpose))
                return cipher.decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], owner.encode())
        except (InvalidTag, ValueError):
            pass
        raise SecretError(f"{purpose} of {owner}: another seed_key encrypted it, or it is damaged")

    def derived(self, purpose: str) -> bytes:
        """A key of 32 bytes that serves this purpose alone."""
        return _derived(self._key, f"authproxy {purpose}".encode())

    def code_hash(self, user_id: str, code: str) -> bytes:
        """The keyed hash under which a user's code is stored."""
        return hmac.digest(self._code_key, f"{user_id}\0{code}".encode(), "sha256")


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_LENGTH, salt=None, info=purpose).derive(key)
