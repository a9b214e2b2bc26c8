"""PROXY protocol headers, as the specification of version 2 lays them out."""

from __future__ import annotations

import socket

import pytest

from authproxy.ldap.ber import Incomplete
from authproxy.ldap.proxy_header import HeaderError, ProxyHeader, read_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = socket.inet_aton("198.51.100.7") + socket.inet_aton("192.0.2.5") + b"\x30\x39\x01\x85"
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + b"\x30\x39\x01\x85"


def header(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("data", "client"),
    [
        (header(0x21, 0x11, V4), "198.51.100.7"),
        (header(0x21, 0x11, V4 + b"\x04\x00\x01x"), "198.51.100.7"),  # with an extension
        (header(0x21, 0x21, V6), "2001:db8::7"),
        (header(0x21, 0x21, bytes(10) + b"\xff\xff" + V4[:4] + V6[16:]), "198.51.100.7"),
        (header(0x20, 0x00, b""), None),
        (header(0x20, 0x11, V4), None),
    ],
)
def test_who_is_spoken_for(data: bytes, client: str | None) -> None:
    assert read_header(data + b"0\x05") == ProxyHeader(client, len(data))
    for cut in range(len(data)):
        with pytest.raises(Incomplete):
            read_header(data[:cut])


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x0c\x02\x01\x01\x60",
        b"PROXY TCP4 198.51.100.7 192.0.2.5 12345 389\r\n",
        header(0x11, 0x11, V4),
        header(0x22, 0x11, V4),
        header(0x21, 0x12, V4),  # UDP
        header(0x21, 0x11, V4[:8]),
        header(0x21, 0x31, bytes(216)),  # Unix sockets
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header(data: bytes) -> None:
    with pytest.raises(HeaderError):
        read_header(data)
