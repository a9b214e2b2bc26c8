"""A small network access server: sends Access-Requests over UDP and waits for the answers."""

from __future__ import annotations

import os
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IReactorUDP
from twisted.internet.protocol import DatagramProtocol

from authproxy.radius import packet as radius
from authproxy.radius.password import hide

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``repeats`` counts further answers that had the very same bytes."""

    code: int
    message: str
    state: bytes | None
    datagram: bytes
    is_signed_first: bool
    repeats: int = 0


class Appliance(DatagramProtocol):
    """Speaks to one RADIUS server from one UDP port, one request at a time."""

    def __init__(self, clock: IReactorTime, server: tuple[str, int], secret: bytes) -> None:
        self._clock = clock
        self._server = server
        self._secret = secret
        self._identifier = 0
        self._waiting: Deferred[bytes] | None = None

    def listen(self, reactor: IReactorUDP) -> None:
        reactor.listenUDP(0, self, "127.0.0.1", 8192)

    async def ask(self, username: str, password: str, state: bytes | None = None) -> Answer:
        """One login. Raises TimeoutError without an answer, PacketError on one that isn't the server's."""
        request, authenticator = self._request(username, password, state)
        return self._read(await self._exchange(request), authenticator)

    async def ask_twice(self, username: str, password: str) -> Answer:
        """The same datagram again after the answer, as if the answer had been lost on its way."""
        request, authenticator = self._request(username, password, None)
        first = await self._exchange(request)
        second = await self._exchange(request)
        answer = self._read(first, authenticator)
        return Answer(
            answer.code, answer.message, answer.state, first, answer.is_signed_first, int(first == second)
        )

    def _request(self, username: str, password: str, state: bytes | None) -> tuple[bytes, bytes]:
        self._identifier = (self._identifier + 1) % 256
        authenticator = os.urandom(16)
        attributes = [
            radius.attribute(radius.USER_NAME, username.encode()),
            radius.attribute(radius.USER_PASSWORD, hide(password.encode(), self._secret, authenticator)),
            radius.attribute(radius.NAS_IDENTIFIER, b"demo-vpn"),
            radius.attribute(radius.CALLING_STATION_ID, b"198.51.100.7"),
        ]
        if state is not None:
            attributes.append(radius.attribute(radius.STATE, state))
        request = radius.encode_request(
            radius.ACCESS_REQUEST, self._identifier, authenticator, attributes, self._secret
        )
        return request, authenticator

    async def _exchange(self, request: bytes) -> bytes:
        self._waiting = Deferred()
        assert self.transport is not None
        self.transport.write(request, self._server)
        return await self._waiting.addTimeout(_TIMEOUT, self._clock)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and addr == self._server:
            waiting.callback(datagram)

    def _read(self, datagram: bytes, authenticator: bytes) -> Answer:
        answer = radius.verify_response(datagram, authenticator, self._secret, must_be_signed=True)
        return Answer(
            answer.code,
            b"".join(answer.all(radius.REPLY_MESSAGE)).decode(),
            answer.first(radius.STATE),
            datagram,
            answer.signature_at == radius.HEADER_LENGTH,
        )
