"""An appliance at the command line: sends RADIUS requests by a socket of its own and waits, a tool's way."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from authproxy.radius.packet import (
    ACCESS_REQUEST,
    MAX_LENGTH,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    Packet,
    PacketError,
    attribute,
    encode_request,
    verify_response,
)
from authproxy.radius.password import hide

_BETWEEN_COPIES = 0.05
_LINGER = 0.3  # how long to watch for answers to the copies


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back in ``seconds``: the first believable ``reply`` if any, how many copies of it in all, and
    why other datagrams were not believed. ``refused``: the host said that nobody listens there."""

    reply: Packet | None
    seconds: float
    copies: int = 0
    differing: int = 0
    unbelieved: tuple[str, ...] = ()
    refused: bool = False

    @property
    def signed(self) -> str:
        """Where Message-Authenticator was in the reply: ``first``, ``present`` or ``absent``."""
        if self.reply is None or not self.reply.is_signed:
            return "absent"
        return "first" if self.reply.signature_at == 20 else "present"


class TestAppliance:
    """Raises OSError when ``host`` can't be resolved or reached at all. Close it."""

    __test__ = False

    def __init__(self, host: str, port: int, secret: bytes, extra: Iterable[bytes] = ()) -> None:
        self._secret = secret
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(found[0], socket.SOCK_DGRAM)
        try:
            self._socket.connect(found[4])
        except OSError:
            self._socket.close()
            raise
        self.own_address: str = self._socket.getsockname()[0].partition("%")[0]
        self._extra = [*self._introduction(extra), *extra]
        self._identifier = os.urandom(1)[0]

    def login(self, username: bytes, password: bytes, state: bytes | None, timeout: float, copies: int) -> Heard:
        """One Access-Request, sent ``1 + copies`` times. Raises PacketError when it fits no packet."""
        self._identifier = (self._identifier + 1) & 255
        authenticator = os.urandom(16)
        attributes = [
            attribute(USER_NAME, username),
            attribute(USER_PASSWORD, hide(password, self._secret, authenticator)),
            *self._extra,
        ]
        if state is not None:
            attributes.append(attribute(STATE, state))
        packet = encode_request(ACCESS_REQUEST, self._identifier, authenticator, attributes, self._secret)
        return self._exchange(packet, authenticator, timeout, copies)

    def close(self) -> None:
        self._socket.close()

    def _introduction(self, extra: Iterable[bytes]) -> list[bytes]:
        """Who asks, unless the extra attributes say so."""
        given = {raw[0] for raw in extra}
        own = ip_address(self.own_address)
        said = [
            attribute(NAS_IP_ADDRESS if own.version == 4 else NAS_IPV6_ADDRESS, own.packed),
            attribute(NAS_IDENTIFIER, b"authproxy radtest"),
        ]
        return [raw for raw in said if raw[0] not in given]

    def _exchange(self, packet: bytes, authenticator: bytes, timeout: float, copies: int) -> Heard:
        started = time.monotonic()
        give_up = started + timeout
        reply: Packet | None = None
        seconds, answers, differing = 0.0, 0, 0
        unbelieved: list[str] = []
        try:
            self._socket.send(packet)
            for _ in range(copies):
                time.sleep(_BETWEEN_COPIES)
                self._socket.send(packet)
            while (left := give_up - time.monotonic()) > 0:
                self._socket.settimeout(left)
                datagram = self._socket.recv(MAX_LENGTH + 1)
                try:
                    believed = self._believe(datagram, authenticator)
                except PacketError as error:
                    unbelieved.append(str(error))
                    continue
                answers += 1
                if reply is None:
                    reply, seconds = believed, time.monotonic() - started
                    give_up = time.monotonic() + (_LINGER if copies else 0.0)
                elif believed.raw != reply.raw:
                    differing += 1
        except TimeoutError:
            pass
        except ConnectionRefusedError:
            return Heard(reply, time.monotonic() - started, answers, differing, tuple(unbelieved), True)
        return Heard(reply, seconds or time.monotonic() - started, answers, differing, tuple(unbelieved))

    def _believe(self, datagram: bytes, authenticator: bytes) -> Packet:
        if len(datagram) < 2 or datagram[1] != self._identifier:
            raise PacketError("another identifier")
        return verify_response(datagram, authenticator, self._secret)
