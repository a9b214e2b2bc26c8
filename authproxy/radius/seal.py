"""What a hop's shared secret hides in the attributes of a reply: session keys, tunnel passwords. Pure.

Two ways of hiding: like User-Password (``encrypt=1``: MS-CHAP-MPPE-Keys, RFC 2548 2.4.1), and with a salt
(``encrypt=2``: MS-MPPE-Send-Key and -Recv-Key, RFC 2548 2.4.2; Tunnel-Password, RFC 2868 3.5).
"""

from __future__ import annotations

from hashlib import md5
from secrets import randbits
from typing import Final

from authproxy.model import Sealed
from authproxy.radius.packet import PacketError, attribute, vendor_attribute
from authproxy.radius.password import hide, unmask, xor

LIKE_PASSWORD: Final = 1
SALTED: Final = 2
_BLOCK = 16
_SALT = 2


class Seal:
    """One hop: its secret, and the authenticator of the request that is answered."""

    __slots__ = ("_authenticator", "_salt", "_secret")

    def __init__(self, secret: bytes, request_authenticator: bytes) -> None:
        self._secret = secret
        self._authenticator = request_authenticator
        self._salt: int | None = None

    def open(self, how: int, hidden: bytes) -> bytes:
        """The octets behind ``hidden``, padding and all. Raises PacketError when it was not hidden in that way."""
        if how == LIKE_PASSWORD:
            return unmask(hidden, self._secret, self._authenticator)
        salt, hidden = hidden[:_SALT], hidden[_SALT:]
        if len(salt) < _SALT or not hidden or len(hidden) % _BLOCK:
            raise PacketError("salt-encrypted attribute of a wrong length")
        blocks = []
        mask_from = self._authenticator + salt
        for at in range(0, len(hidden), _BLOCK):
            block = hidden[at : at + _BLOCK]
            blocks.append(self._masked(block, mask_from))
            mask_from = block
        clear = b"".join(blocks)
        if clear[0] >= len(clear):
            raise PacketError("salt-encrypted attribute that holds nonsense")
        return clear

    def close(self, sealed: Sealed) -> bytes:
        """The whole attribute for this hop. Raises PacketError when it would be too long."""
        if sealed.how == LIKE_PASSWORD:
            hidden = hide(sealed.value, self._secret, self._authenticator)
        else:
            hidden = self._salted(sealed.value)
        vendor, type_ = sealed.key
        value = sealed.tag + hidden
        return vendor_attribute(vendor, type_, value) if vendor else attribute(type_, value)

    def _salted(self, clear: bytes) -> bytes:
        """Salts differ within a packet and have their highest bit set (RFC 2868 3.5)."""
        self._salt = randbits(15) if self._salt is None else (self._salt + 1) & 0x7FFF
        salt = (0x8000 | self._salt).to_bytes(_SALT, "big")
        hidden = [salt]
        mask_from = self._authenticator + salt
        for at in range(0, len(clear), _BLOCK):
            mask_from = self._masked(clear[at : at + _BLOCK], mask_from)
            hidden.append(mask_from)
        return b"".join(hidden)

    def _masked(self, block: bytes, mask_from: bytes) -> bytes:
        mask = md5(self._secret + mask_from, usedforsecurity=False).digest()
        return xor(block, mask)
