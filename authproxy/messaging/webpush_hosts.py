"""Which push services are spoken to. Pure.

A subscription's address is the phone's to choose, so it must not lead inside: https alone, and no address that is
not public, neither in the URL nor in what its name resolves to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from authproxy.messaging.webpush_cipher import Recipient

_LONGEST_ENDPOINT: Final = 1000
_NAT64 = b"\x00\x64\xff\x9b"


@dataclass(frozen=True, slots=True)
class Subscription:
    endpoint: str
    host: str
    recipient: Recipient

    @property
    def is_address(self) -> bool:
        return _address(self.host) is not None


@dataclass(frozen=True, slots=True)
class PushHosts:
    """``allowed``: hosts, or ``.domain`` for all below it, to which alone pushes are sent, wherever they are.
    Empty: any host on the Internet."""

    allowed: Sequence[str] = ()

    def check(self, text: str) -> str:
        """A subscription as it is kept. Raises ValueError."""
        read = self.read(text)
        keys = json.loads(text)["keys"]
        return json.dumps({"endpoint": read.endpoint, "keys": {name: keys[name] for name in ("p256dh", "auth")}})

    def read(self, text: str) -> Subscription:
        """Raises ValueError."""
        endpoint, p256dh, auth = _fields(text)
        parts = urlsplit(endpoint)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme != "https" or not host or parts.username is not None or parts.port == 0:
            raise ValueError("the address is not https://")
        if len(endpoint) > _LONGEST_ENDPOINT or not endpoint.isascii() or not endpoint.isprintable():
            raise ValueError("the address is too long, or not one")
        if not self.is_allowed(host):
            raise ValueError("this push service is not allowed")
        return Subscription(endpoint, host, Recipient.read(p256dh, auth))

    def is_allowed(self, host: str) -> bool:
        if self.allowed:
            return self.is_named(host)
        address = _address(host)
        return is_public(address) if address else "." in host

    def is_named(self, host: str) -> bool:
        """The administrator wants it, so it may be inside."""
        name = host.lower().rstrip(".")
        return any(name.endswith(each) if each.startswith(".") else name == each for each in self.allowed)

    def may_connect(self, host: str, address: str) -> bool:
        """``address``: what the name resolved to, just before connecting."""
        found = _address(address.partition("%")[0])
        return found is not None and (self.is_named(host) or (not self.allowed and is_public(found)))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Also of what an IPv6 address stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address.packed.startswith(_NAT64):
            inner.append(IPv4Address(address.packed[-4:]))
        if any(each is not None and not is_public(each) for each in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None


def _fields(text: str) -> tuple[str, str, str]:
    try:
        given: Any = json.loads(text)
        fields = given["endpoint"], given["keys"]["p256dh"], given["keys"]["auth"]
    except (ValueError, TypeError, KeyError, RecursionError):
        fields = None, None, None
    if not all(isinstance(each, str) for each in fields):
        raise ValueError("it is no subscription")
    return fields
