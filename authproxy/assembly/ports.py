"""Every port the daemon listens on, by place; whoever is behind one may change while its socket stays."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import DatagramProtocol, ServerFactory

from authproxy.radius.listen import adopt as adopt_datagrams
from authproxy.radius.listen import bind
from authproxy.tcp import open_socket


class Place(NamedTuple):
    """``interface`` as it is configured: empty for every address."""

    kind: str  # udp | tcp
    interface: str
    port: int


Behind = DatagramProtocol | ServerFactory


class Sockets:
    """Where listening sockets come from: inherited, or opened."""

    def __init__(self, inherited: Iterable[socket.socket] = ()) -> None:
        self._inherited = list(inherited)

    def get(self, place: Place) -> socket.socket:
        """Raises ConfigError when the port can't be had."""
        for inherited in self._inherited:
            if is_at(inherited, place):
                self._inherited.remove(inherited)
                inherited.setblocking(False)
                return inherited
        opener = bind if place.kind == "udp" else open_socket
        return opener(place.interface, place.port)

    def close(self) -> list[str]:
        """What was inherited and is of no use: where it listens."""
        left, self._inherited = self._inherited, []
        names = [str(inherited.getsockname()) for inherited in left]
        for inherited in left:
            inherited.close()
        return names


def is_at(opened: socket.socket, place: Place) -> bool:
    """Whether the socket is what ``place`` would be opened as."""
    kind = socket.SOCK_DGRAM if place.kind == "udp" else socket.SOCK_STREAM
    if opened.type != kind or opened.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    address, port = opened.getsockname()[:2]
    if port != place.port:
        return False
    here = ip_address(address.partition("%")[0])
    return here.is_unspecified if not place.interface else here == ip_address(place.interface)


class Ports:
    """``prepare`` what may fail, then ``commit``, which does not; or ``discard``. ``listening``: all there are."""

    def __init__(self, reactor: IReactorSocket, sockets: Sockets) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self.listening: list[IListeningPort] = []
        self._open: dict[Place, IListeningPort] = {}
        self._prepared: dict[Place, socket.socket] = {}
        self._is_paused = False

    def prepare(self, places: Iterable[Place]) -> None:
        """Opens those that are not open yet. Raises ConfigError when a port can't be had."""
        for place in places:
            if place not in self._open and place not in self._prepared:
                self._prepared[place] = self._sockets.get(place)

    def discard(self) -> None:
        for opened in self._prepared.values():
            opened.close()
        self._prepared.clear()

    def commit(self, wanted: Mapping[Place, Behind]) -> dict[Place, IListeningPort]:
        """From now on whoever is ``wanted`` is behind each port. The ports nobody wants any more: their owner
        closes them; nothing is read from them."""
        for place, behind in wanted.items():
            if place in self._open:
                _put_behind(self._open[place], behind)
            else:
                self._adopt(place, behind)
        left = {place: self._open.pop(place) for place in [*self._open] if place not in wanted}
        for port in left.values():
            _reads(port, False)
        self.listening[:] = self._open.values()
        return left

    def _adopt(self, place: Place, behind: Behind) -> None:
        opened = self._prepared.pop(place)
        if isinstance(behind, DatagramProtocol):
            port = adopt_datagrams(self._reactor, opened, behind)
        else:
            port = self._reactor.adoptStreamPort(opened.fileno(), opened.family, behind)
            opened.close()
        self._open[place] = port
        if self._is_paused:
            _reads(port, False)

    def sockets(self) -> dict[Place, int]:
        """Their file descriptors."""
        return {place: cast(Any, port).fileno() for place, port in self._open.items()}

    def pause(self) -> None:
        """Nothing is read any more; what comes waits in the sockets. Answers may still be sent."""
        self._is_paused = True
        for port in self._open.values():
            _reads(port, False)

    def go_on(self) -> None:
        self._is_paused = False
        for port in self._open.values():
            _reads(port, True)

    async def close(self) -> None:
        """All of them, for good."""
        self._open.clear()
        for port in self.listening:
            await maybeDeferred(port.stopListening)


def _put_behind(port: IListeningPort, behind: Behind) -> None:
    """Twisted's ports ask for it with each datagram and each connection. Who was there before can still answer."""
    if isinstance(behind, DatagramProtocol):
        behind.makeConnection(cast(Any, port))
        cast(Any, port).protocol = behind
    else:
        cast(Any, port).factory = behind


def _reads(port: IListeningPort, wanted: bool) -> None:
    with suppress(AttributeError, KeyError):
        if wanted:
            cast(Any, port).startReading()
        else:
            cast(Any, port).stopReading()
