"""Which address a request comes from: the peer's, or what a trusted proxy says of it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

Address = IPv4Address | IPv6Address
_FORWARDED = b"x-forwarded-for"


class Sources:
    def __init__(self, trusted: Sequence[tuple[Address, Address]]) -> None:
        """``trusted``: proxies, first to last address."""
        self._trusted = tuple(trusted)

    def is_trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(
            first.version == address.version and int(first) <= int(address) <= int(last)
            for first, last in self._trusted
        )

    def of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """A proxy adds its own client's address at the end: the last one that is no trusted proxy's counts."""
        if ":" in peer:
            peer = str(_address(peer) or peer)  # IPv4 on a socket of both
        if not self._trusted or not self.is_trusted(peer):
            return peer
        said = ",".join(value.decode("latin-1") for name, value in headers if name == _FORWARDED)
        for text in reversed([part.strip() for part in said.split(",")]):
            if _address(text) is None:
                return peer
            if not self.is_trusted(text):
                return text
        return peer


def bucket(source: str) -> str:
    """What shares one allowance: an IPv6 host has a whole /64 to choose from."""
    address = _address(source)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return source


def source_of(scope: Scope) -> str:
    """The address that the gate found."""
    source = scope["state"]["source"]
    assert isinstance(source, str)
    return source


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
