"""One connected UDP socket to one upstream host, with its 256 identifiers.

Twisted's own UDP port is not used: it takes any error but "connection refused" that a connected socket
reports for a failure of ours, logs a traceback and closes the port. A firewall that rejects with "administratively
prohibited" is enough for that. A connected socket has the kernel drop what comes from anybody else, and it
alone is told of ICMP errors.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from authproxy.radius.packet import MAX_LENGTH
from authproxy.radius.pending import Identifiers

_RECEIVE_BUFFER = 1 << 20  # the default holds about 166 replies
_READS_AT_ONCE = 64


class Receives(Protocol):
    """Who is told what arrives by a lane."""

    def received(self, lane: Lane, datagram: bytes) -> None: ...

    def failed(self, lane: Lane, error: OSError) -> None:
        """The kernel was told that the host or its port can't be reached."""
        ...


@implementer(IReadDescriptor)
class Lane:
    """Raises OSError when there is no socket to be had, or no route to the host."""

    def __init__(self, reactor: IReactorFDSet, address: str, port: int, receiver: Receives) -> None:
        self.identifiers = Identifiers()
        self.address = address
        self._reactor = reactor
        self._receiver = receiver
        family, kind, protocol, _name, peer = socket.getaddrinfo(
            address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self._socket.connect(peer)  # also picks a port at random
        except OSError:
            self._socket.close()
            raise
        # as the host sees us, unless something on the way translates it
        self.own_address: str = self._socket.getsockname()[0].partition("%")[0]
        self._send: Callable[[bytes], int] = self._socket.send
        self._receive = self._socket.recv
        reactor.addReader(self)

    def send(self, packet: bytes) -> None:
        """Best effort: a datagram that can't leave is as good as one lost on the way, and is sent again."""
        try:
            try:
                self._send(packet)
            except ConnectionRefusedError:  # it was about an earlier datagram; this one has not left
                self._send(packet)
        except BlockingIOError:
            return
        except OSError as error:
            self._receiver.failed(self, error)

    def close(self) -> None:
        if self._socket.fileno() != -1:
            self._reactor.removeReader(self)
            self._socket.close()

    # ------------------------------------------------------------ what the reactor calls

    def fileno(self) -> int:
        return self._socket.fileno()

    def doRead(self) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                datagram = self._receive(MAX_LENGTH + 1)
            except BlockingIOError:
                return
            except OSError as error:  # includes what is received after close()
                if self._socket.fileno() != -1:
                    self._receiver.failed(self, error)
                return
            self._receiver.received(self, datagram)

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    def logPrefix(self) -> str:
        return "radius client"
