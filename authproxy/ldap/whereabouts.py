"""Where a directory server is: at the address that is its host name, or that its name led to a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from zope.interface import implementer

LIFETIME = 10.0
_STRAIGHT_SECONDS = 1.0  # for the address that answered last, before others are tried


def endpoint_of(reactor: IReactorTime, host: str, port: int, patience: float) -> IStreamClientEndpoint:
    """``patience``: seconds for a connection."""
    if isIPAddress(host) or isIPv6Address(host):
        return _at_address(reactor, port, patience, host)
    by_name = HostnameEndpoint(reactor, host, port, timeout=patience)
    at_address = partial(_at_address, reactor, port, _STRAIGHT_SECONDS)
    return NamedServer(by_name, at_address, reactor.seconds)


def _at_address(reactor: IReactorTime, port: int, patience: float, address: str) -> IStreamClientEndpoint:
    if isIPAddress(address):
        return TCP4ClientEndpoint(reactor, address, port, timeout=patience)
    return TCP6ClientEndpoint(reactor, address, port, timeout=patience)  # type: ignore[no-untyped-call]


@implementer(IStreamClientEndpoint)
class NamedServer:
    """Looks its name up at most every ``LIFETIME`` seconds, as long as what was found answers: to ask for each
    connection, and to have all that was found race, takes as long as all the rest of a short one."""

    def __init__(
        self,
        by_name: IStreamClientEndpoint,
        at_address: Callable[[str], IStreamClientEndpoint],
        now: Callable[[], float],
    ) -> None:
        self._by_name = by_name
        self._at_address = at_address
        self._now = now
        self._found: IStreamClientEndpoint | None = None
        self._until = 0.0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        found = self._found
        if found is not None and self._now() < self._until:
            try:
                return await found.connect(factory)
            except ConnectError:
                if self._found is found:
                    self._found = None
        began = self._now()
        connected = await self._by_name.connect(factory)
        transport = cast(Protocol, connected).transport
        assert transport is not None
        peer = transport.getPeer()
        if isinstance(peer, IPv4Address | IPv6Address):
            self._found, self._until = self._at_address(peer.host), began + LIFETIME
        return connected
