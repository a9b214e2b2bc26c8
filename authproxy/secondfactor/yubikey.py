"""One-time passwords of YubiKeys: what a key types when it is touched, in Yubico's own format. Pure.

An OTP is a public ID (up to 16 bytes, here not looked at) and a block of 16 bytes, all in modhex: hexadecimal with
letters that are the same keys on every keyboard. The block is encrypted with the token's AES key. It holds a
private ID (6 bytes), a counter of sessions (2: how often it was plugged in), a timer (3), a counter of uses in the
session (1), chance (2) and a CRC-16 (2); numbers are little-endian.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PRIVATE_ID: Final = 6  # bytes
AES_KEY: Final = 16
SEED: Final = PRIVATE_ID + AES_KEY
"""A token's seed: its private ID, then its AES key."""

_MODHEX: Final = "cbdefghijklnrtuv"
_TO_HEX: Final = str.maketrans(_MODHEX, "0123456789abcdef")
_BLOCK, _LONGEST = 32, 48  # letters
_USES = 256  # of a session
_RESIDUE = 0xF0B8


def is_otp(text: str) -> bool:
    """Whether it has the form of one: 32 to 48 letters of modhex, an even number."""
    return _BLOCK <= len(text) <= _LONGEST and len(text) % 2 == 0 and set(_MODHEX).issuperset(text)


def counter_of(otp: str, seed: bytes) -> int | None:
    """Session and use as one number that only grows: session * 256 + use. None: it is not of this token."""
    cipher = Cipher(algorithms.AES(seed[PRIVATE_ID:]), modes.ECB()).decryptor()  # noqa: S305 (Yubico's format: one block)
    block = cipher.update(bytes.fromhex(otp[-_BLOCK:].translate(_TO_HEX))) + cipher.finalize()
    if crc16(block) != _RESIDUE or not hmac.compare_digest(block[:PRIVATE_ID], seed[:PRIVATE_ID]):
        return None
    session = int.from_bytes(block[6:8], "little")
    return session * _USES + block[11]


def crc16(data: bytes) -> int:
    """Of ISO 13239, without its final complement: over a block that ends in its CRC it is always the same."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x8408 if crc & 1 else 0)
    return crc
