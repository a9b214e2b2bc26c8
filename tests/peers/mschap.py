"""An appliance that speaks MS-CHAPv2 (radclient only makes MS-CHAPv1), written from the RFCs alone.

Sources: RFC 1320 (MD4), RFC 2548 (attributes), RFC 2759 (MS-CHAPv2), RFC 3079 (session keys).
"""

from __future__ import annotations

import hmac
import os
import socket
import struct
from dataclasses import dataclass
from hashlib import md5, sha1

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

_MICROSOFT = 311
_CODES = {2: "Access-Accept", 3: "Access-Reject", 11: "Access-Challenge"}
_TO_CLIENT = b"Magic server to client signing constant"
_ITERATE = b"Pad to make it do more than one iteration"
_MASTER = b"This is the MPPE Master Key"
_SERVER_SENDS = b"On the client side, this is the receive key; on the server side, it is the send key."
_SERVER_RECEIVES = b"On the client side, this is the send key; on the server side, it is the receive key."


@dataclass(frozen=True)
class MsChapLogin:
    """``is_server_proven``: MS-CHAP2-Success is right. ``keys_agree``: MS-MPPE-Send-Key and -Recv-Key are those
    that follow from the password. ``error`` is MS-CHAP-Error without its Ident, which is ``error_ident``."""

    code: str
    is_server_proven: bool = False
    keys_agree: bool = False
    error: str = ""
    error_ident: int = -1
    reply_message: str = ""


class MsChapAppliance:
    def __init__(self, address: tuple[str, int], secret: str, timeout: float = 20) -> None:
        self._address = address
        self._secret = secret.encode()
        self._timeout = timeout

    def login(self, username: str, password: str, ident: int = 9) -> MsChapLogin:
        challenge, own = os.urandom(16), os.urandom(16)
        hashed = sha1(own + challenge + username.encode()).digest()[:8]
        proof = _des_response(hashed, nt_hash(password))
        attributes = [
            _attribute(1, username.encode()),
            _attribute(4, b"\x7f\0\0\1"),
            _microsoft(11, challenge),
            _microsoft(25, bytes((ident, 0)) + own + bytes(8) + proof),
        ]
        authenticator = os.urandom(16)
        code, found = self._exchange(attributes, authenticator)
        values = dict(found)
        success, error = values.get((_MICROSOFT, 26), b""), values.get((_MICROSOFT, 2), b"")
        sent, received = (
            _opened(values.get((_MICROSOFT, type_), b""), self._secret, authenticator) for type_ in (16, 17)
        )
        master = sha1(_md4(nt_hash(password)) + proof + _MASTER).digest()[:16]
        return MsChapLogin(
            _CODES[code],
            success == bytes((ident,)) + _server_proof(password, proof, hashed),
            (sent, received) == (_start_key(master, _SERVER_SENDS), _start_key(master, _SERVER_RECEIVES)),
            error[1:].decode(),
            error[0] if error else -1,
            values.get((0, 18), b"").decode(),
        )

    def _exchange(
        self, attributes: list[bytes], authenticator: bytes
    ) -> tuple[int, list[tuple[tuple[int, int], bytes]]]:
        body = b"".join(attributes) + b"\x50\x12" + bytes(16)
        packet = struct.pack("!BBH", 1, 7, 20 + len(body)) + authenticator + body
        packet = packet[:-16] + hmac.digest(self._secret, packet, "md5")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.settimeout(self._timeout)
            wire.connect(self._address)
            wire.send(packet)
            reply = wire.recv(4096)
        assert md5(reply[:4] + authenticator + reply[20:] + self._secret).digest() == reply[4:20]
        return reply[0], list(_read(reply[20:]))


def _read(data: bytes) -> list[tuple[tuple[int, int], bytes]]:
    found = []
    while data:
        value = data[2 : data[1]]
        if data[0] == 26:
            found.append(((int.from_bytes(value[:4], "big"), value[4]), value[6:]))
        else:
            found.append(((0, data[0]), value))
        data = data[data[1] :]
    return found


def _attribute(type_: int, value: bytes) -> bytes:
    return bytes((type_, len(value) + 2)) + value


def _microsoft(type_: int, value: bytes) -> bytes:
    return _attribute(26, _MICROSOFT.to_bytes(4, "big") + _attribute(type_, value))


def _opened(value: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """A salt-encrypted attribute (RFC 2548 2.4.2)."""
    mask_from, clear = authenticator + value[:2], b""
    for at in range(2, len(value), 16):
        block = value[at : at + 16]
        clear += bytes(one ^ other for one, other in zip(block, md5(secret + mask_from).digest(), strict=True))
        mask_from = block
    return clear[1 : 1 + clear[0]] if clear else b""


def _start_key(master: bytes, magic: bytes) -> bytes:
    return sha1(master + bytes(40) + magic + b"\xf2" * 40).digest()[:16]


def _server_proof(password: str, proof: bytes, hashed: bytes) -> bytes:
    digest = sha1(_md4(nt_hash(password)) + proof + _TO_CLIENT).digest()
    return b"S=" + sha1(digest + hashed + _ITERATE).hexdigest().upper().encode()


def session_key(password: str) -> bytes:
    """The NT key in MS-CHAP-MPPE-Keys (RFC 2548 2.4.1)."""
    return _md4(nt_hash(password))


def nt_hash(password: str) -> bytes:
    return _md4(password.encode("utf-16-le"))


def _des_response(challenge: bytes, key: bytes) -> bytes:
    key = key.ljust(21, b"\0")
    return b"".join(_des(key[at : at + 7], challenge) for at in (0, 7, 14))


def _des(key: bytes, block: bytes) -> bytes:
    """DES under a key of 56 bits: triple DES under the same key three times."""
    bits = int.from_bytes(key, "big")
    spread = bytes(((bits >> (49 - 7 * index)) & 0x7F) << 1 for index in range(8))
    return Cipher(TripleDES(spread * 3), modes.ECB()).encryptor().update(block)


def _md4(data: bytes) -> bytes:
    size = len(data) * 8
    data += b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", size)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for at in range(0, len(data), 64):
        words = struct.unpack("<16I", data[at : at + 64])
        a, b, c, d = state
        for step in range(48):
            index, shift, value, constant = _md4_step(step, b, c, d)
            total = (a + value + words[index] + constant) & 0xFFFFFFFF
            a, d, c, b = d, c, b, (total << shift | total >> (32 - shift)) & 0xFFFFFFFF
        state = [(one + other) & 0xFFFFFFFF for one, other in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state)


def _md4_step(step: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    """Word, rotation, mixed value and constant of one of the 48 steps."""
    place = step % 16
    if step < 16:
        return place, (3, 7, 11, 19)[step % 4], (b & c) | (~b & d), 0
    if step < 32:
        return place % 4 * 4 + place // 4, (3, 5, 9, 13)[step % 4], (b & c) | (b & d) | (c & d), 0x5A827999
    order = (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)
    return order[place], (3, 9, 11, 15)[step % 4], b ^ c ^ d, 0x6ED9EBA1
