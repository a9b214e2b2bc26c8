"""The PROXY protocol, version 2, binary: what a load balancer says about the client it speaks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from authproxy.errors import AuthproxyError
from authproxy.ldap.ber import Incomplete

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16  # bytes: signature, version and command, family, length
_LIMIT = 2048  # bytes of addresses and extensions; those in use need a tenth
_LOCAL, _PROXIED = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21


class HeaderError(AuthproxyError):
    """The connection does not begin with a PROXY protocol header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """``client`` is None if the load balancer speaks for itself (a health check). ``size`` in bytes."""

    client: str | None
    size: int


def read_header(data: bytes) -> ProxyHeader:
    """The header at the beginning of ``data``. Raises Incomplete, HeaderError."""
    if not data.startswith(_SIGNATURE[: len(data)]):
        raise HeaderError("no PROXY protocol header of version 2, though proxy_protocol lists this peer")
    if len(data) < _FIXED:
        raise Incomplete(_FIXED)
    command, family, length = data[12], data[13], int.from_bytes(data[14:16], "big")
    if command not in (_LOCAL, _PROXIED) or length > _LIMIT:
        raise HeaderError("a PROXY protocol header with an unknown version or command, or too long")
    size = _FIXED + length
    if len(data) < size:
        raise Incomplete(size)
    if command == _LOCAL:
        return ProxyHeader(None, size)
    if family == _TCP4 and length >= 12:
        return ProxyHeader(str(IPv4Address(data[16:20])), size)
    if family == _TCP6 and length >= 36:
        address = IPv6Address(data[16:32])
        return ProxyHeader(str(address.ipv4_mapped or address), size)
    raise HeaderError("a PROXY protocol header that names no TCP client")
