"""Packets for tests, and vectors read from text files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from struct import pack

from authproxy.radius.packet import (
    ACCESS_REQUEST,
    USER_NAME,
    USER_PASSWORD,
    attribute,
    encode_request,
    vendor_attribute,
)
from authproxy.radius.password import hide

SECRET = b"xyzzy5461"


@dataclass(frozen=True)
class Vector:
    secret: bytes
    user: bytes
    password: bytes
    request: bytes
    response: bytes


def read_vector(name: str) -> Vector:
    lines = (Path(__file__).parent / "vectors" / f"{name}.txt").read_text().splitlines()
    words: dict[str, str] = {}
    packets: dict[str, str] = {}
    current = ""
    for line in lines:
        if not line or line.startswith("#"):
            continue
        key, _, value = line.partition(" ")
        if value:
            words[key] = value
        elif key in ("request", "response"):
            current = key
        else:
            packets[current] = packets.get(current, "") + key
    return Vector(
        words["secret"].encode(),
        words["user"].encode(),
        words["password"].encode(),
        bytes.fromhex(packets["request"]),
        bytes.fromhex(packets["response"]),
    )


def unsigned_request(
    attributes: Iterable[bytes], code: int = ACCESS_REQUEST, identifier: int = 7, authenticator: bytes = bytes(16)
) -> bytes:
    """A request without Message-Authenticator, as older appliances send it."""
    body = b"".join(attributes)
    return pack("!BBH", code, identifier, 20 + len(body)) + authenticator + body


def pap(
    username: bytes = b"alice",
    password: bytes = b"pass,123456",
    more: Iterable[bytes] = (),
    identifier: int = 7,
    authenticator: bytes | None = None,
    secret: bytes = SECRET,
    is_signed: bool = True,
) -> bytes:
    """A login by PAP."""
    authenticator = authenticator or os.urandom(16)
    hidden = hide(password, secret, authenticator)
    attributes = [attribute(USER_NAME, username), attribute(USER_PASSWORD, hidden), *more]
    if is_signed:
        return encode_request(ACCESS_REQUEST, identifier, authenticator, attributes, secret)
    return unsigned_request(attributes, identifier=identifier, authenticator=authenticator)


def typical() -> bytes:
    """About what a VPN gateway sends: ten attributes, 200 octets, signed."""
    more = [
        attribute(4, bytes((192, 0, 2, 10))),
        attribute(5, bytes((0, 0, 16, 1))),
        attribute(6, bytes((0, 0, 0, 5))),
        attribute(30, b"192.0.2.10"),
        attribute(31, b"203.0.113.77"),
        attribute(61, bytes((0, 0, 0, 5))),
        attribute(33, b"\x01\x02\x03\x04"),
        vendor_attribute(9, 1, b"ip:source-ip=203.0.113.77"),
        vendor_attribute(9, 1, b"mdm-tlv=device-platform=win"),
    ]
    return pap(more=more)


def unprotected_response(
    code: int, identifier: int, request_authenticator: bytes, body: bytes, secret: bytes
) -> bytes:
    """A response without Message-Authenticator."""
    head = pack("!BBH", code, identifier, 20 + len(body))
    return head + md5(head + request_authenticator + body + secret).digest() + body
