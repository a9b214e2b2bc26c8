"""The upstream client against a server that does what the test says, with a clock that the test moves."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock

from authproxy.config.settings import RadiusClientSettings, RequireMessageAuthenticator, UpstreamHost
from authproxy.errors import PrimaryUnavailable
from authproxy.radius.client import UpstreamClient
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_REQUEST,
    MESSAGE_AUTHENTICATOR,
    STATUS_SERVER,
    USER_NAME,
    Packet,
    PacketError,
    attribute,
    encode_response,
    is_signature_valid,
)
from authproxy.secret import Secret
from tests.peers.fake_upstream import SECRET, FakeUpstream, accept, silence, unsigned_accept


class Bench:
    """Fake servers, a client that asks them, and its clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.servers: list[FakeUpstream] = []
        self.client: Any = None
        self.dropped: list[str] = []

    def server(self, answer: Callable[[Packet], bytes | None] = accept) -> FakeUpstream:
        self.servers.append(FakeUpstream(reactor, answer))
        return self.servers[-1]

    def connect(self, **options: Any) -> UpstreamClient:
        hosts = tuple(UpstreamHost("127.0.0.1", server.port, Secret(SECRET.decode())) for server in self.servers)
        settings = RadiusClientSettings("radius_client", hosts, retries=3, retry_wait=2.0)
        self.client = UpstreamClient(
            settings, self.clock, reactor, reactor.nameResolver, count=self.dropped.append, **options
        )
        return self.client

    def ask(self, name: bytes = b"bob") -> Deferred[Packet]:
        body = lambda _secret, _authenticator: [attribute(USER_NAME, name)]  # noqa: E731
        asking = Deferred.fromCoroutine(self.client.exchange(ACCESS_REQUEST, body))
        return asking.addCallback(lambda reply: reply.packet)


@pytest.fixture()
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    if made.client is not None:
        made.client.close()
    for server in made.servers:
        pytest_twisted.blockon(server.stop())


def pause(seconds: float = 0.02) -> Deferred[None]:
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(200):
        if happened():
            return
        await pause(0.01)
    raise AssertionError("it did not happen within 2 seconds")


@pytest_twisted.ensureDeferred
async def test_request_is_signed_first_and_says_who_asks(bench: Bench) -> None:
    server = bench.server()
    bench.connect(nas_identifier="proxy-1")
    reply = await bench.ask()
    assert reply.code == ACCESS_ACCEPT
    (request,) = server.requests
    assert [raw[0] for raw in request.attributes] == [80, 1, 4, 32]
    assert is_signature_valid(request, SECRET)
    assert request.first(4) == b"\x7f\0\0\1"
    assert request.first(32) == b"proxy-1"


@pytest_twisted.ensureDeferred
async def test_same_bytes_are_sent_again_until_retries_are_spent(bench: Bench) -> None:
    server = bench.server(silence)
    bench.connect()
    asking = bench.ask()
    for sent in range(1, 5):
        await until(lambda sent=sent: len(server.received) == sent)
        bench.clock.advance(1.99)
        await pause()
        assert len(server.received) == sent
        bench.clock.advance(0.02)
    with pytest.raises(PrimaryUnavailable, match=r"did not answer 4 requests in 8\.0 s"):
        await asking
    assert len({(packet.raw, source) for packet, source in server.received}) == 1
    assert bench.client.upstreams[0].counts.resent == 3


@pytest_twisted.ensureDeferred
async def test_answer_to_a_resend_counts_and_a_second_one_is_ignored(bench: Bench) -> None:
    server = bench.server(silence)
    bench.connect()
    asking = bench.ask()
    await until(lambda: len(server.received) == 1)
    server.answer = accept
    bench.clock.advance(2.0)
    assert (await asking).code == ACCESS_ACCEPT
    server.send(accept(server.requests[0]), server.received[0][1])
    await until(lambda: bench.client.upstreams[0].counts.late == 1)
    assert bench.dropped == []


def forged_secret(request: Packet) -> bytes:
    return encode_response(ACCESS_ACCEPT, request.identifier, request.authenticator, (), b"wrong")


def forged_identifier(request: Packet) -> bytes:
    return encode_response(ACCESS_ACCEPT, request.identifier ^ 1, request.authenticator, (), SECRET)


def forged_signature(request: Packet) -> bytes:
    head = bytes((ACCESS_ACCEPT, request.identifier, 0, 38))
    tail = bytes((MESSAGE_AUTHENTICATOR, 18)) + b"x" * 16
    return head + md5(head + request.authenticator + tail + SECRET).digest() + tail


def replayed(request: Packet) -> bytes:
    return encode_response(ACCESS_ACCEPT, request.identifier, bytes(16), (), SECRET)


def foreign_code(request: Packet) -> bytes:
    return encode_response(5, request.identifier, request.authenticator, (), SECRET)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (forged_secret, "wrong Response Authenticator"),
        (replayed, "wrong Response Authenticator"),
        (forged_signature, "wrong Message-Authenticator"),
        (foreign_code, "unexpected code in a reply"),
        (lambda request: accept(request)[:19], "shorter than a RADIUS header"),
        (lambda request: b"\2", None),
        (forged_identifier, None),
    ],
)
@pytest_twisted.ensureDeferred
async def test_forged_reply_is_dropped_and_the_true_one_believed(
    bench: Bench, forge: Callable[[Packet], bytes], reason: str | None
) -> None:
    server = bench.server(forge)
    bench.connect()
    asking = bench.ask()
    counts = bench.client.upstreams[0].counts
    await until(lambda: counts.dropped + counts.late == 1)
    assert bench.dropped == ([] if reason is None else [reason])
    assert not asking.called
    server.answer = accept
    bench.clock.advance(2.0)
    assert (await asking).code == ACCESS_ACCEPT


@pytest_twisted.ensureDeferred
async def test_right_reply_from_another_source_never_arrives(bench: Bench) -> None:
    server = bench.server(silence)
    bench.connect()
    asking = bench.ask()
    await until(lambda: len(server.received) == 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(accept(server.requests[0]), server.received[0][1])
    await pause(0.05)
    assert not asking.called
    server.send(accept(server.requests[0]), server.received[0][1])
    assert (await asking).code == ACCESS_ACCEPT


@pytest_twisted.ensureDeferred
async def test_more_requests_than_identifiers_open_more_sockets(bench: Bench) -> None:
    server = bench.server(silence)
    bench.connect()
    asking = [bench.ask(str(number).encode()) for number in range(600)]
    await until(lambda: len(server.received) == 600)
    assert len({(source, packet.identifier) for packet, source in server.received}) == 600
    assert len({source for _packet, source in server.received}) == 3
    for packet, source in server.received:
        server.send(accept(packet), source)
    replies = await gatherResults(asking)
    assert {reply.code for reply in replies} == {ACCESS_ACCEPT}
    assert len(bench.client._resends) <= 600
    bench.clock.advance(2.0)
    assert len(bench.client._resends) == 0


@pytest_twisted.ensureDeferred
async def test_request_waits_for_an_identifier_when_sockets_are_spent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authproxy.radius.lanes.MOST", 1)
    server = bench.server(silence)
    bench.connect()
    asking = [bench.ask() for _ in range(256)]
    late = bench.ask(b"late")
    await until(lambda: len(server.received) == 256)
    packet, source = server.received[7]
    server.answer = accept
    server.send(accept(packet), source)
    await until(lambda: late.called)
    assert (await late).code == ACCESS_ACCEPT
    assert server.requests[-1].first(USER_NAME) == b"late"
    assert server.requests[-1].identifier == packet.identifier
    bench.clock.advance(2.0)
    assert {reply.code for reply in await gatherResults(asking)} == {ACCESS_ACCEPT}


@pytest_twisted.ensureDeferred
async def test_cancelling_gives_everything_back(bench: Bench) -> None:
    server = bench.server(silence)
    bench.connect()
    asking = [bench.ask() for _ in range(300)]
    await until(lambda: len(server.received) == 300)
    for one in asking:
        one.cancel()
        with pytest.raises(CancelledError):
            await one
    lanes = bench.client.upstreams[0]._lanes
    assert [lane.identifiers.is_idle for lane in lanes._lanes] == [True, True]
    bench.clock.advance(2.0)
    await pause()
    assert len(server.received) == 300
    assert bench.clock.getDelayedCalls() == []
    server.answer = accept
    assert (await bench.ask()).code == ACCESS_ACCEPT


@pytest_twisted.ensureDeferred
async def test_closing_ends_every_wait(bench: Bench) -> None:
    server = bench.server(silence)
    bench.connect()
    asking = [bench.ask() for _ in range(3)]
    await until(lambda: len(server.received) == 3)
    bench.client.close()
    for one in asking:
        with pytest.raises(PrimaryUnavailable, match="no longer asked"):
            await one
    assert bench.clock.getDelayedCalls() == []
    with pytest.raises(PrimaryUnavailable, match="no longer asked"):
        await bench.ask()


@pytest_twisted.ensureDeferred
async def test_silent_host_is_skipped_and_probed_until_it_answers(bench: Bench) -> None:
    first, second = bench.server(silence), bench.server()
    bench.connect()
    asking = bench.ask()
    for sent in range(1, 5):
        await until(lambda sent=sent: len(first.received) == sent)
        bench.clock.advance(2.0)
    assert (await asking).code == ACCESS_ACCEPT
    await bench.ask()
    assert (len(first.received), len(second.received)) == (4, 2)
    bench.clock.advance(1.0)
    await until(lambda: len(first.received) == 5)
    assert first.requests[-1].code == STATUS_SERVER
    assert is_signature_valid(first.requests[-1], SECRET)
    bench.clock.advance(2.0)  # no answer: the next probe comes two seconds later
    first.answer = accept
    bench.clock.advance(2.0)
    await until(lambda: not bench.client.upstreams[0].health.is_dead)
    await bench.ask()
    assert (len(first.received), len(second.received)) == (7, 2)


@pytest_twisted.ensureDeferred
async def test_requests_under_way_leave_a_host_that_was_found_dead(bench: Bench) -> None:
    first, second = bench.server(silence), bench.server()
    bench.connect()
    early = bench.ask(b"early")
    bench.clock.advance(1.0)
    late = bench.ask(b"late")
    for seconds in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        await pause(0.01)
        bench.clock.advance(seconds)
    assert (await early).code == ACCESS_ACCEPT
    bench.clock.advance(1.0)
    assert (await late).code == ACCESS_ACCEPT
    assert [packet.first(USER_NAME) for packet in first.requests].count(b"late") == 4
    assert [packet.first(USER_NAME) for packet in second.requests] == [b"early", b"late"]


@pytest_twisted.ensureDeferred
async def test_host_that_once_signed_must_go_on_signing(bench: Bench) -> None:
    server = bench.server(accept)
    bench.connect()
    await bench.ask()
    server.answer = unsigned_accept
    asking = bench.ask()
    await until(lambda: bench.dropped == ["no Message-Authenticator"])
    assert not asking.called
    server.answer = accept
    bench.clock.advance(2.0)
    assert (await asking).is_signed


@pytest.mark.parametrize(
    ("signing", "is_believed"),
    [
        (RequireMessageAuthenticator.AUTO, True),
        (RequireMessageAuthenticator.NO, True),
        (RequireMessageAuthenticator.YES, False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_host_that_never_signs_is_believed_unless_signatures_are_required(
    bench: Bench, signing: RequireMessageAuthenticator, is_believed: bool
) -> None:
    bench.server(unsigned_accept)
    bench.connect(signing=signing)
    asking = bench.ask()
    await until(lambda: asking.called or bench.dropped == ["no Message-Authenticator"])
    assert asking.called is is_believed
    bench.client.close()
    if not is_believed:
        with pytest.raises(PrimaryUnavailable):
            await asking


@pytest_twisted.ensureDeferred
async def test_question_that_fits_no_packet_is_an_error_and_leaves_nothing_behind(bench: Bench) -> None:
    bench.server()
    client = bench.connect()
    with pytest.raises(PacketError, match="packet too long"):
        await client.exchange(ACCESS_REQUEST, lambda _s, _a: [attribute(26, bytes(253))] * 17)
    assert bench.clock.getDelayedCalls() == []
    assert (await bench.ask()).code == ACCESS_ACCEPT


@pytest_twisted.ensureDeferred
async def test_network_error_of_any_kind_moves_on_and_leaves_the_socket_usable(bench: Bench) -> None:
    first, second = bench.server(silence), bench.server()
    client = bench.connect()
    asking = bench.ask()
    await until(lambda: len(first.received) == 1)
    lane = client.upstreams[0]._lanes._lanes[0]
    receive, lane._receive = lane._receive, _filtered
    lane.doRead()
    lane._receive = receive
    assert (await asking).code == ACCESS_ACCEPT
    assert len(second.received) == 1
    first.answer = accept
    bench.clock.advance(1.0)
    await until(lambda: not client.upstreams[0].health.is_dead)
    assert len(client.upstreams[0]._lanes) == 1


def _filtered(_size: int) -> bytes:
    """What a firewall that rejects with "administratively prohibited" makes of a connected socket."""
    raise OSError(errno.EHOSTUNREACH, "No route to host")


@pytest_twisted.ensureDeferred
async def test_unknown_host_name_is_passed_over_and_named(bench: Bench) -> None:
    settings = RadiusClientSettings(
        "radius_client", (UpstreamHost("no-such-host.invalid", 1812, Secret("x")),), retries=0
    )
    bench.client = UpstreamClient(settings, bench.clock, reactor, reactor.nameResolver)
    with pytest.raises(PrimaryUnavailable, match=r"no-such-host\.invalid: the name service knows no address"):
        await bench.ask()
    assert bench.client.upstreams[0].health.is_dead
