"""An upstream RADIUS server on loopback that does what a test says: counts, holds back, forges."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from authproxy.radius.packet import ACCESS_ACCEPT, Packet, decode, encode_response

SECRET = b"testing123"

Answer = Callable[[Packet], bytes | None]


def accept(request: Packet) -> bytes:
    return encode_response(ACCESS_ACCEPT, request.identifier, request.authenticator, (), SECRET)


def silence(request: Packet) -> None:
    return None


class FakeUpstream(DatagramProtocol):
    """``received`` holds (packet, source) of every datagram, resends too."""

    def __init__(self, reactor: Any, answer: Answer = accept, port: int = 0, interface: str = "127.0.0.1") -> None:
        self.answer = answer
        self.received: list[tuple[Packet, tuple[str, int]]] = []
        self._port = reactor.listenUDP(port, self, interface=interface, maxPacketSize=8192)
        self._port.socket.setsockopt(1, 8, 1 << 21)  # SOL_SOCKET, SO_RCVBUF
        self.port: int = self._port.getHost().port

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        packet = decode(datagram)
        self.received.append((packet, addr))
        reply = self.answer(packet)
        if reply is not None:
            self.send(reply, addr)

    def send(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        self.transport.write(datagram, addr)

    @property
    def requests(self) -> list[Packet]:
        return [packet for packet, _source in self.received]

    def stop(self) -> Any:
        return self._port.stopListening()


def unsigned_accept(request: Packet) -> bytes:
    """As FreeRADIUS before 3.2.5 answers: no Message-Authenticator."""
    head = bytes((ACCESS_ACCEPT, request.identifier, 0, 20))
    return head + md5(head + request.authenticator + SECRET).digest()
