"""Hiding and revealing User-Password (RFC 2865 5.2). Passwords are bytes: appliances use any encoding. Pure."""

from __future__ import annotations

from hashlib import md5
from typing import Final

from authproxy.radius.packet import PacketError

MAX_PASSWORD: Final = 128
_BLOCK = 16


def hide(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """``password`` as it goes into User-Password. Raises PacketError above 128 bytes."""
    if len(password) > MAX_PASSWORD:
        raise PacketError("password longer than 128 bytes")
    padded = password.ljust(max(-(-len(password) // _BLOCK), 1) * _BLOCK, b"\0")
    hidden = b""
    mask_from = authenticator
    for at in range(0, len(padded), _BLOCK):
        mask = md5(secret + mask_from, usedforsecurity=False).digest()
        mask_from = xor(padded[at : at + _BLOCK], mask)
        hidden += mask_from
    return hidden


def reveal(hidden: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """The password in a User-Password value, trailing NULs stripped; otherwise as ``unmask``."""
    return unmask(hidden, secret, authenticator).rstrip(b"\0")


def unmask(hidden: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """All octets behind a value that is hidden like User-Password.

    A wrong secret gives garbage, not an error. Raises PacketError when the length is not one of 16, 32, ... 128.
    """
    size = len(hidden)
    if size % _BLOCK or not size or size > MAX_PASSWORD:
        raise PacketError("User-Password of a wrong length")
    masks = md5(secret + authenticator, usedforsecurity=False).digest()
    for at in range(0, size - _BLOCK, _BLOCK):
        masks += md5(secret + hidden[at : at + _BLOCK], usedforsecurity=False).digest()
    return xor(hidden, masks)


def xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
