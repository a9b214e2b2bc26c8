"""The upstream client and RadiusPrimary against a real FreeRADIUS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import DatagramProtocol

from authproxy.config.settings import RadiusClientSettings, UpstreamHost
from authproxy.errors import PrimaryUnavailable
from authproxy.model import AuthRequest, Denied, Identity, Reason, Trail
from authproxy.primary.radius import RadiusPrimary
from authproxy.radius.attributes import Dictionary
from authproxy.radius.client import UpstreamClient
from authproxy.radius.packet import attribute
from authproxy.radius.passthrough import PassThrough
from authproxy.secret import Secret
from tests.peers.freeradius import FreeRadius, User
from tests.peers.ports import free_port

pytestmark = pytest.mark.peer("freeradius")

LONG = bytes(range(128, 256))
AWKWARD = "pä%{User-Name}'\\\" €,push".encode()
USERS = [
    User(
        "bob",
        b"hello",
        {
            "Class": "0x636c6173732d626f62",
            "Filter-Id": '"vpn-users"',
            "Cisco-AVPair": ['"shell:priv-lvl=15"', '"ip:addr-pool=staff"'],
            "Reply-Message": '"Hello"',
        },
    ),
    User("anna maria", AWKWARD),
    User("latin", "pässword".encode("latin-1")),
    User("lång", b"hello"),
    User("long", LONG),
    User("barred", None, {"Reply-Message": '"Barred upstream"', "Class": "0x01"}),
]
ECHO = """update reply {
            Callback-Id := "%{NAS-Identifier} %{NAS-IP-Address} %{Packet-Src-IP-Address}"
            Login-LAT-Service := "%{Calling-Station-Id}"
        }"""
DICTIONARY = Dictionary.load()


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeRadius]:
    with FreeRadius(tmp_path_factory.mktemp("freeradius"), USERS, with_ipv6=True, echo=ECHO) as running:
        yield running


Connect = Callable[..., UpstreamClient]


@pytest.fixture()
def connect() -> Iterator[Connect]:
    """Makes clients, and closes them after the test."""
    clients = []

    def make(*hosts: tuple[str, int], secret: str = "testing123", **settings: Any) -> UpstreamClient:
        upstreams = tuple(UpstreamHost(host, port, Secret(secret)) for host, port in hosts)
        values = {"retries": 1, "retry_wait": 5.0, **settings}
        client = UpstreamClient(
            RadiusClientSettings("radius_client", upstreams, **values), reactor, reactor, reactor.nameResolver
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def request(username: str = "bob", relayed: tuple[bytes, ...] = ()) -> AuthRequest:
    trail = Trail(time.monotonic)
    return AuthRequest("ID", "radius_server_auto", username, b"", "192.0.2.1", None, trail, relayed)


def primary(client: UpstreamClient, *names: str, everything: bool = False, codec: str = "utf-8") -> RadiusPrimary:
    return RadiusPrimary(client, PassThrough(DICTIONARY, everything, names), codec)


def shown(attributes: tuple[bytes, ...]) -> list[tuple[str, str]]:
    return [DICTIONARY.describe(raw) for raw in attributes]


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("bob", b"hello"),
        ("anna maria", AWKWARD),
        ("latin", "pässword".encode("latin-1")),
        ("lång", b"hello"),
        ("long", LONG),
    ],
)
@pytest_twisted.ensureDeferred
async def test_right_password_is_accepted(
    peer: FreeRadius, connect: Connect, username: str, password: bytes
) -> None:
    checks = primary(connect(("127.0.0.1", peer.port)))
    assert await checks.check(request(username), password) == Identity(username)
    wrong = await checks.check(request(username), password[:-1] + b"~")
    assert wrong == Denied(Reason.REJECTED_UPSTREAM)


@pytest_twisted.ensureDeferred
async def test_attributes_reach_the_appliance_as_the_settings_say(peer: FreeRadius, connect: Connect) -> None:
    client = connect(("127.0.0.1", peer.port))
    nothing = await primary(client).check(request(), b"hello")
    assert nothing == Identity("bob")
    named = await primary(client, "Class", "Cisco-AVPair").check(request(), b"hello")
    assert shown(named.attributes) == [
        ("Class", "0x636c6173732d626f62"),
        ("Cisco-AVPair", "shell:priv-lvl=15"),
        ("Cisco-AVPair", "ip:addr-pool=staff"),
    ]
    everything = await primary(client, everything=True).check(request(), b"hello")
    names = [name for name, _value in shown(everything.attributes)]
    assert {"Class", "Filter-Id", "Cisco-AVPair", "Reply-Message"} <= set(names)


@pytest_twisted.ensureDeferred
async def test_a_reject_carries_its_message_if_allowed(peer: FreeRadius, connect: Connect) -> None:
    client = connect(("127.0.0.1", peer.port))
    answer = await primary(client, "Reply-Message").check(request("barred"), b"whatever")
    assert answer == Denied(Reason.REJECTED_UPSTREAM, attributes=(attribute(18, b"Barred upstream"),))


@pytest_twisted.ensureDeferred
async def test_server_is_told_who_asks_and_what_the_appliance_said(peer: FreeRadius, connect: Connect) -> None:
    relayed = (attribute(31, b"203.0.113.7"), attribute(4, b"\x01\x02\x03\x04"), attribute(32, b"the appliance"))
    own = await primary(connect(("127.0.0.1", peer.port)), "Callback-Id", "Login-LAT-Service").check(
        request(relayed=relayed), b"hello"
    )
    assert shown(own.attributes) == [
        ("Callback-Id", "authproxy 127.0.0.1 127.0.0.1"),
        ("Login-LAT-Service", "203.0.113.7"),
    ]
    from ipaddress import ip_address

    given = connect(("127.0.0.1", peer.port), nas_ip=ip_address("198.51.100.9"))
    answer = await primary(given, "Callback-Id").check(request(), b"hello")
    assert shown(answer.attributes) == [("Callback-Id", "authproxy 198.51.100.9 127.0.0.1")]


@pytest_twisted.ensureDeferred
async def test_password_is_sent_in_the_configured_charset(peer: FreeRadius, connect: Connect) -> None:
    checks = primary(connect(("127.0.0.1", peer.port)), codec="latin-1")
    assert await checks.check(request("latin"), "pässword".encode()) == Identity("latin")
    assert await checks.check(request("latin"), "pässword".encode("latin-1")) == Identity("latin")


@pytest_twisted.ensureDeferred
async def test_host_may_be_a_name_or_an_ipv6_address(peer: FreeRadius, connect: Connect) -> None:
    assert await primary(connect(("localhost", peer.port))).check(request(), b"hello") == Identity("bob")
    assert await primary(connect(("::1", peer.port))).check(request(), b"hello") == Identity("bob")


@pytest_twisted.ensureDeferred
async def test_wrong_secret_is_no_answer_and_not_a_rejection(peer: FreeRadius, connect: Connect) -> None:
    checks = primary(connect(("127.0.0.1", peer.port), secret="another", retry_wait=0.3))
    with pytest.raises(PrimaryUnavailable, match=r"127.0.0.1:\d+ did not answer 2 requests in 0.6 s"):
        await checks.check(request(), b"hello")


@pytest_twisted.ensureDeferred
async def test_server_that_wants_a_code_of_its_own_is_explained(peer: FreeRadius, connect: Connect) -> None:
    answer = await primary(connect(("127.0.0.1", peer.challenge_port))).check(request(), b"hello")
    assert isinstance(answer, Denied)
    assert answer.reason is Reason.UNSUPPORTED
    assert "Access-Challenge" in answer.detail


@pytest_twisted.ensureDeferred
async def test_four_hundred_logins_at_once_use_several_sockets(peer: FreeRadius, connect: Connect) -> None:
    client = connect(("127.0.0.1", peer.port), retry_wait=20.0)
    checks = primary(client)
    asked = [(b"hello" if number % 2 else b"wrong") for number in range(400)]
    answers = await gatherResults(
        [Deferred.fromCoroutine(checks.check(request(), password)) for password in asked]
    )
    assert [type(answer) for answer in answers] == [
        Identity if password == b"hello" else Denied for password in asked
    ]
    assert client.upstreams[0].counts.sent == 400


@pytest_twisted.ensureDeferred
async def test_closed_port_fails_over_at_once_and_is_not_tried_again(peer: FreeRadius, connect: Connect) -> None:
    client = connect(("127.0.0.1", free_port()), ("127.0.0.1", peer.port))
    checks = primary(client)
    assert await checks.check(request(), b"hello") == Identity("bob")
    assert await checks.check(request(), b"hello") == Identity("bob")
    assert client.upstreams[0].health.is_dead
    assert client.upstreams[0].counts.sent == 1


@pytest_twisted.ensureDeferred
async def test_black_hole_fails_over_after_its_retries(peer: FreeRadius, connect: Connect) -> None:
    hole = reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")
    try:
        hosts = (("127.0.0.1", hole.getHost().port), ("127.0.0.1", peer.port))
        client = connect(*hosts, retry_wait=0.5)
        checks = primary(client)
        for _ in range(2):  # the second login does not wait for it
            assert await checks.check(request(), b"hello") == Identity("bob")
            assert client.upstreams[0].counts.resent == 1
    finally:
        await hole.stopListening()


@pytest_twisted.ensureDeferred
async def test_host_that_comes_back_is_preferred_again(
    peer: FreeRadius, connect: Connect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = FreeRadius(tmp_path_factory.mktemp("first"), [User("bob", b"hello", {"Filter-Id": '"first"'})])
    client = connect(("127.0.0.1", first.port), ("127.0.0.1", peer.port))
    checks = primary(client, "Filter-Id")
    second_answers = await checks.check(request(), b"hello")
    assert shown(second_answers.attributes) == [("Filter-Id", "vpn-users")]
    with first:
        for _ in range(600):  # Status-Server is sent after 1, 2, 4 seconds
            if not client.upstreams[0].health.is_dead:
                break
            await pause(0.1)
        first_answers = await checks.check(request(), b"hello")
        assert shown(first_answers.attributes) == [("Filter-Id", "first")]


def pause(seconds: float) -> Deferred[None]:
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited
