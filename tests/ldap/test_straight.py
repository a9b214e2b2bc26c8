"""What a connection sends straight to its socket arrives whole and in order, also when the peer reads late."""

from __future__ import annotations

from typing import cast

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IListeningPort, IPushProducer
from twisted.internet.protocol import Factory, Protocol

from authproxy.config.settings import Transport
from authproxy.ldap import messages
from authproxy.ldap.client import LdapConnection, LdapConnectionFactory

_MUCH = bytes(range(256)) * 40_000  # more than the buffers of two sockets hold


class LateReader(Protocol):
    """A server that reads nothing until it is told to, and then until it has so many bytes."""

    def __init__(self) -> None:
        self.came: Deferred[LateReader] = Deferred()
        self.has_all: Deferred[bytes] = Deferred()
        self._wanted = 0
        self._data = bytearray()

    def connectionMade(self) -> None:
        cast(IPushProducer, self.transport).pauseProducing()
        self.came.callback(self)

    def read(self, size: int) -> Deferred[bytes]:
        self._wanted = size
        cast(IPushProducer, self.transport).resumeProducing()
        return self.has_all

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) >= self._wanted and not self.has_all.called:
            self.has_all.callback(bytes(self._data))


@pytest_twisted.ensureDeferred
async def test_what_does_not_fit_into_the_socket_is_sent_by_the_reactor_before_what_follows() -> None:
    server = LateReader()
    factory = Factory.forProtocol(lambda: server)  # type: ignore[arg-type]
    port: IListeningPort = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
    try:
        address = cast(IPv4Address, port.getHost())
        made = LdapConnectionFactory(reactor, 5.0, Transport.CLEAR, None)  # type: ignore[arg-type]
        client = cast(LdapConnection, await TCP4ClientEndpoint(reactor, "127.0.0.1", address.port).connect(made))
        await server.came
        client.go_straight()
        operations = [b"\x60\x01a", b"\x60" + _MUCH, b"\x60\x01b"]
        for operation in operations:
            client.request(operation, messages.BIND_RESPONSE, lambda _: None)
        wanted = b"".join(messages.seal(number, operation) for number, operation in enumerate(operations, 1))
        assert await server.read(len(wanted)) == wanted
        client.abort("the end")
    finally:
        await port.stopListening()
