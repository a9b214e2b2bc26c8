"""The rooms of a relayed login, wired as in the service, between a fake appliance and fake upstream servers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from authproxy.authenticator import Authenticator
from authproxy.config.settings import EapIdentity, RadiusClientSettings, UpstreamHost
from authproxy.deadlines import Deadlines
from authproxy.metrics import Metrics
from authproxy.model import Allowed, LoginRecord, Verdict
from authproxy.policy import Rules
from authproxy.primary.radius import RadiusPrimary
from authproxy.radius.client import UpstreamClient
from authproxy.radius.packet import (
    ACCESS_REQUEST,
    Packet,
    attribute,
    encode_request,
    encode_response,
    verify_response,
)
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.server import RadiusServer
from authproxy.secret import Secret
from authproxy.store.memory import MemoryChallenges, MemoryJournal
from authproxy.typed import Appended
from tests.peers.fake_upstream import SECRET as UPSTREAM_SECRET
from tests.peers.fake_upstream import FakeUpstream
from tests.radius.door import DICTIONARY, PEER, SETTINGS, Wire
from tests.radius.wire import SECRET

APPLIANCE_TIMEOUT = 55.0


class Factor:
    """A second factor that counts, and gives ``verdict``; or waits forever."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.verdict: Verdict | None = Allowed("push")

    async def begin(self, who: Any, ask: Any, request: Any) -> Verdict:
        self.asked.append(who.username)
        if self.verdict is None:
            return await Deferred()
        return self.verdict

    async def answer(self, who: Any, resume: Any, reply: str, request: Any) -> Verdict:
        raise AssertionError("nothing can be typed")


class RelayDoor:
    """``hosts`` fake upstream servers, the first one first."""

    def __init__(self, hosts: int = 1, rule: EapIdentity = EapIdentity.INNER, **changes: Any) -> None:
        self.clock = Clock()
        self.upstreams = [FakeUpstream(reactor) for _ in range(hosts)]
        addresses = tuple(
            UpstreamHost("127.0.0.1", upstream.port, Secret(UPSTREAM_SECRET.decode()))
            for upstream in self.upstreams
        )
        settings = RadiusClientSettings("radius_client", addresses, retries=1, retry_wait=2.0)
        names = reactor.nameResolver  # type: ignore[attr-defined]
        self.client = UpstreamClient(settings, self.clock, reactor, names)  # type: ignore[arg-type]
        self.factor = Factor()
        self.records: list[LoginRecord] = []
        everything = PassThrough(DICTIONARY, everything=True)
        authenticator = Authenticator(
            Rules(),
            Appended(),
            RadiusPrimary(self.client, everything, eap_identity=rule),
            self.factor,
            MemoryChallenges(300, self.clock.seconds),
            MemoryJournal(),
            self.records.append,
            Deadlines(self.clock, APPLIANCE_TIMEOUT),
            self.clock.seconds,
        )
        self.metrics = Metrics()
        self.wire = Wire()
        self.server = RadiusServer(SETTINGS, authenticator, DICTIONARY, self.metrics, self.clock, everything, "")
        self.server.transport = self.wire  # type: ignore[assignment]

    async def ask(self, attributes: Iterable[bytes], identifier: int = 1) -> Packet:
        """One request, and its verified answer."""
        nonce = os.urandom(16)
        request = encode_request(ACCESS_REQUEST, identifier, nonce, attributes, SECRET)
        return verify_response(await self.exchange(request), nonce, SECRET, must_be_signed=True)

    async def exchange(self, request: bytes) -> bytes:
        self.server.datagramReceived(request, PEER)
        return await self.answer()

    async def answer(self) -> bytes:
        for _ in range(400):
            taken = self.wire.take()
            if taken:
                (datagram,) = taken
                return datagram
            await deferLater(reactor, 0.005, lambda: None)  # type: ignore[arg-type]
        raise AssertionError("no answer")

    async def settle(self) -> None:
        """Lets datagrams on the loopback arrive."""
        await deferLater(reactor, 0.02, lambda: None)  # type: ignore[arg-type]

    async def close(self) -> None:
        self.client.close()
        for upstream in self.upstreams:
            await upstream.stop()


# ---------------------------------------------------------------- what upstream servers answer


def says(code: int, attributes: Iterable[bytes]) -> Any:
    """An upstream server's answer to whatever it is asked."""
    return lambda request: reply(request, code, attributes)


def reply(request: Packet, code: int, attributes: Iterable[bytes]) -> bytes:
    return encode_response(code, request.identifier, request.authenticator, attributes, UPSTREAM_SECRET)


# ---------------------------------------------------------------- EAP


def eap(code: int, identifier: int, type_: int | None = None, data: bytes = b"") -> bytes:
    body = (bytes((type_,)) if type_ is not None else b"") + data
    return bytes((code, identifier)) + (4 + len(body)).to_bytes(2, "big") + body


def eap_messages(packet: bytes) -> list[bytes]:
    """Spread over as many attributes as it takes."""
    return [attribute(79, packet[at : at + 253]) for at in range(0, len(packet), 253)]


def eap_of(packet: Packet) -> bytes:
    return b"".join(packet.all(79))
