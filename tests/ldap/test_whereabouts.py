"""A name is looked up now and then, not for each connection; and at once when nobody is there any more."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from zope.interface import implementer

from authproxy.ldap.whereabouts import LIFETIME, NamedServer, endpoint_of

FACTORY = Factory.forProtocol(Protocol)  # type: ignore[arg-type]


@implementer(IStreamClientEndpoint)
class Place:
    """Who is there answers at once, from ``address``; nobody is, if that is empty."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked = 0
        self.waiting: Deferred[IProtocol] | None = None

    def connect(self, protocolFactory: object) -> Deferred[IProtocol]:  # noqa: N803
        self.asked += 1
        if self.waiting is not None:
            return self.waiting
        if not self.address:
            return fail(ConnectionRefusedError())
        protocol = Protocol()
        protocol.transport = StringTransport(peerAddress=IPv4Address("TCP", self.address, 389))
        return succeed(protocol)  # type: ignore[arg-type]


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.names = Place("192.0.2.1")
        self.places: dict[str, Place] = {}
        self.server = NamedServer(self.names, self._at, self.clock.seconds)

    def _at(self, address: str) -> Place:
        return self.places.setdefault(address, Place(address))

    def connect(self) -> str:
        """Where to."""
        came: list[Any] = []
        self.server.connect(FACTORY).addBoth(came.append)
        (result,) = came
        return result.transport.getPeer().host if isinstance(result, Protocol) else type(result.value).__name__


def test_connections_of_a_moment_look_the_name_up_once() -> None:
    world = World()
    assert [world.connect() for _ in range(4)] == ["192.0.2.1"] * 4
    assert (world.names.asked, world.places["192.0.2.1"].asked) == (1, 3)


def test_a_name_that_leads_elsewhere_is_followed_after_a_while() -> None:
    world = World()
    world.connect()
    world.names.address = "192.0.2.2"
    world.clock.advance(LIFETIME - 1)
    assert world.connect() == "192.0.2.1"
    world.clock.advance(1)
    assert [world.connect(), world.connect()] == ["192.0.2.2", "192.0.2.2"]
    assert world.names.asked == 2


def test_who_is_no_longer_there_is_looked_for_at_once() -> None:
    world = World()
    world.connect()
    world.connect()
    world.places["192.0.2.1"].address, world.names.address = "", "192.0.2.2"
    assert [world.connect(), world.connect()] == ["192.0.2.2", "192.0.2.2"]
    assert world.places["192.0.2.1"].asked == 2


def test_a_server_that_is_nowhere_is_told_so_and_found_again_later() -> None:
    world = World()
    world.connect()
    world.places["192.0.2.1"] = Place("")
    world.clock.advance(LIFETIME)
    world.names.address = ""
    assert world.connect() == "ConnectionRefusedError"
    world.names.address = "192.0.2.3"
    assert world.connect() == "192.0.2.3"


def test_who_gives_up_a_connection_to_the_known_address_does_not_begin_another_by_name() -> None:
    world = World()
    world.connect()
    world.connect()
    world.places["192.0.2.1"].waiting = Deferred(
        lambda waiting: waiting.errback(ConnectingCancelledError(IPv4Address("TCP", "192.0.2.1", 389)))
    )
    came: list[Any] = []
    connecting = world.server.connect(FACTORY)
    connecting.addErrback(came.append)
    connecting.cancel()
    assert [type(failure.value) for failure in came] == [ConnectingCancelledError]
    assert world.names.asked == 1


@pytest.mark.parametrize(
    ("host", "kind"),
    [("192.0.2.1", TCP4ClientEndpoint), ("2001:db8::1", TCP6ClientEndpoint), ("dc1.example.test", NamedServer)],
)
def test_an_address_is_not_looked_up(host: str, kind: type) -> None:
    assert type(endpoint_of(MemoryReactorClock(), host, 389, 5.0)) is kind
