"""What strangers can do to the listener: too slow, too much, too often, and nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from authproxy.errors import ConfigError
from authproxy.tcp import open_socket
from authproxy.web import listener, protocol
from authproxy.web.addresses import Addresses
from authproxy.web.rates import BURST, Rates
from authproxy.web.source import Sources, bucket
from tests.web.twin import TwinWeb, called, error, in_asyncio

PING = b"GET /auth/v2/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client:
    """Bytes over TLS."""

    def __init__(self, web: TwinWeb) -> None:
        plain = socket.create_connection(("127.0.0.1", web.listener.port), timeout=60)
        context = ssl.create_default_context(cafile=str(web.ca))
        self.socket = context.wrap_socket(plain, server_hostname="localhost")

    def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # the server has had enough
            self.socket.sendall(data)

    def until_closed(self) -> bytes:
        """What came; a connection that the server broke off gives nothing more."""
        said = b""
        with contextlib.closing(self.socket), contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := self.socket.recv(65_536):
                said += data
        return said

    def ask(self, data: bytes) -> bytes:
        """One answer, on a connection that stays open."""
        self.send(data)
        said = b""
        while not re.search(rb"\r\n\r\n.+}\Z", said, re.DOTALL):
            data = self.socket.recv(65_536)
            assert data, said
            said += data
        return said


def talk(web: TwinWeb, data: bytes) -> bytes:
    client = Client(web)
    client.send(data)
    return client.until_closed()


@contextlib.contextmanager
def hasty(seconds: float = 0.2) -> Iterator[None]:
    """Whoever connects meanwhile, or begins a request, has so little time for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "REQUEST_SECONDS", seconds)
        yield


SLOW = {
    "silence": b"",
    "half a line": b"GET /auth/v2/pi",
    "half a head": b"GET /auth/v2/ping HTTP/1.1\r\nHost: localhost\r\n",
    "half a body": b"POST /auth/v2/preauth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nusername=",
    "half a chunk": b"POST /auth/v2/preauth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nuser",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW.keys())
@pytest_twisted.ensureDeferred
async def test_a_request_that_does_not_end_is_cut_off_and_others_are_served(web: TwinWeb, sent: bytes) -> None:
    with hasty():
        assert await called(talk, web, sent) == b""
    assert "time" in await called(web.client().ping)


@pytest_twisted.ensureDeferred
async def test_a_second_request_has_as_little_time(web: TwinWeb) -> None:
    client = await called(Client, web)
    assert b"200 OK" in await called(client.ask, PING)
    with hasty():
        client.send(b"GET /au")
        assert await called(client.until_closed) == b""


@pytest_twisted.ensureDeferred
async def test_a_client_that_asks_from_time_to_time_keeps_its_connection(web: TwinWeb) -> None:
    with hasty(2.0):
        client = await called(Client, web)
        assert b"200 OK" in await called(client.ask, PING)
    await in_asyncio(asyncio.sleep(2.5))
    assert b"200 OK" in await called(client.ask, PING)
    client.socket.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 60_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 60_000,
    ],
    ids=["URL", "one header", "many headers", "trailers"],
)
@pytest_twisted.ensureDeferred
async def test_heads_have_a_size(web: TwinWeb, head: bytes) -> None:
    with hasty():  # trailers without an end are waited for
        said = await called(talk, web, head)
    assert not said or said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 405"))
    assert "time" in await called(web.client().ping)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x00" * 100,
        b"HELO mail\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
@pytest_twisted.ensureDeferred
async def test_nonsense_is_a_bad_request(web: TwinWeb, nonsense: bytes) -> None:
    said = await called(talk, web, nonsense)
    assert said.startswith(b"HTTP/1.1 400"), said
    assert "time" in await called(web.client().ping)


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_in_the_middle_leaves_no_trace(web: TwinWeb) -> None:
    def leave() -> None:
        client = Client(web)
        client.send(SLOW["half a body"])
        client.socket.close()

    await called(leave)
    assert "time" in await called(web.client().ping)


@pytest_twisted.ensureDeferred
async def test_answers_have_a_date_and_keep_browsers_in_bounds(web: TwinWeb) -> None:
    client = await called(Client, web)
    said = (await called(client.ask, PING)).decode().lower()
    client.socket.close()
    for header in (
        "date: ",
        "strict-transport-security: max-age=",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ):
        assert f"\r\n{header}" in said
    policy = next(line for line in said.splitlines() if line.startswith("content-security-policy"))
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "\r\nserver:" not in said


# ---------------------------------------------------------------- rates


def limits(directory: Path, monotonic: Callable[[], float]) -> Iterator[TwinWeb]:
    """Two requests a second without a signature, twenty at once; 127.0.0.1 is a proxy."""
    starting = TwinWeb.start(directory, rate=2, trusted="127.0.0.1", monotonic=monotonic)
    started: TwinWeb = pytest_twisted.blockon(Deferred.fromCoroutine(starting))
    yield started
    pytest_twisted.blockon(started.listener.stop())


@pytest.fixture
def goes() -> threading.Event:
    """Whether time passes."""
    return threading.Event()


@pytest.fixture
def standing(tmp_path: Path, goes: threading.Event) -> Iterator[TwinWeb]:
    yield from limits(tmp_path, lambda: time.monotonic() if goes.is_set() else 0.0)


def ping_for(source: str) -> bytes:
    return PING[:-2] + b"X-Forwarded-For: 198.51.100.1, " + source.encode() + b"\r\n\r\n"


@pytest_twisted.ensureDeferred
async def test_who_asks_too_often_is_told_to_wait_and_nobody_else_is(standing: TwinWeb) -> None:
    client = await called(Client, standing)
    said = [await called(client.ask, ping_for("192.0.2.1")) for _ in range(21)]
    assert [answer[9:12] for answer in said] == [b"200"] * 20 + [b"429"]
    assert b"retry-after: 1" in said[-1]
    assert b"200 OK" in await called(client.ask, ping_for("192.0.2.2"))
    client.socket.close()


@pytest_twisted.ensureDeferred
async def test_duo_client_waits_and_repeats_its_request_with_the_same_date(
    standing: TwinWeb, goes: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duo_client.client.sleep", lambda _seconds: goes.set())
    client = await called(Client, standing)
    while b"429" not in (await called(client.ask, PING))[:12]:
        pass
    client.socket.close()
    assert "time" in await called(standing.client().check)
    assert goes.is_set()


@pytest_twisted.ensureDeferred
async def test_signed_requests_are_not_counted_and_badly_signed_ones_are(standing: TwinWeb) -> None:
    auth, wrong = standing.client(), standing.client(skey="wrong")
    for _ in range(25):
        assert "time" in await called(auth.check)
    wrong._MAX_BACKOFF_WAIT_SECS = 0  # does not wait for better times
    codes = [(await error(wrong.check))[1]["code"] for _ in range(21)]
    assert codes == [40103] * 20 + [42901]


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    rates = Rates(2, lambda: now[0])
    assert [rates.take("a") for _ in range(21)] == [True] * int(2 * BURST) + [False]
    now[0] = 1.0
    assert [rates.take("a") for _ in range(3)] == [True, True, False]
    rates.give_back("a")
    assert [rates.take("a"), rates.take("a")] == [True, False]
    assert rates.take("b")


def test_many_sources_do_not_fill_memory_and_no_rate_is_any_rate() -> None:
    rates = Rates(1, lambda: 0.0)
    for number in range(12_000):
        rates.take(str(number))
    assert len(rates) == 10_000
    free = Rates(0, lambda: 0.0)
    assert all(free.take("a") for _ in range(1000))
    assert len(free) == 0


@pytest_twisted.ensureDeferred
async def test_one_address_has_a_limited_number_of_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MOST_OF_ONE_ADDRESS", 2)
    web = await TwinWeb.start(tmp_path)
    clients = [await called(Client, web) for _ in range(3)]
    answers = [b"200 OK" in await called(client.ask, PING) for client in clients[:2]]
    assert answers == [True, True]
    assert await called(clients[2].until_closed) == b""
    clients[0].socket.close()
    assert b"200 OK" in await called(clients[1].ask, PING)
    while not (await called(talk, web, PING[:-2] + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200"):
        pass  # until the first is noticed to be gone
    clients[1].socket.close()
    await web.listener.stop()


def test_addresses_are_counted_while_they_are_there_and_proxies_are_not_limited() -> None:
    addresses = Addresses(2, lambda address: address == "proxy")
    assert [addresses.enter("a") for _ in range(3)] == [True, True, False]
    assert [addresses.enter("proxy") for _ in range(3)] == [True] * 3
    for address in ("a", "proxy"):
        for _ in range(3):
            addresses.leave(address)
    assert len(addresses) == 0
    assert addresses.enter("a")


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.9", [], "192.0.2.9"),
        ("192.0.2.9", [b"1.2.3.4"], "192.0.2.9"),
        ("10.0.0.1", [b"1.2.3.4"], "1.2.3.4"),
        ("::ffff:10.0.0.1", [b"1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6", b"1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b"1.2.3.4, unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"2001:db8::1"], "2001:db8::1"),
        ("::ffff:192.0.2.9", [], "192.0.2.9"),
        ("2001:db8::9", [], "2001:db8::9"),
    ],
)
def test_only_trusted_proxies_say_who_asks(peer: str, forwarded: list[bytes], source: str) -> None:
    sources = Sources([(ip_address("10.0.0.0"), ip_address("10.0.0.255"))])
    assert sources.of(peer, [(b"x-forwarded-for", text) for text in forwarded]) == source


@given(st.binary(max_size=40))
def test_no_header_makes_the_reader_of_sources_fail(text: bytes) -> None:
    sources = Sources([(ip_address("10.0.0.0"), ip_address("10.0.0.255"))])
    assert sources.of("10.0.0.1", [(b"x-forwarded-for", text)])


def test_an_ipv6_network_shares_one_allowance() -> None:
    assert bucket("2001:db8::1") == bucket("2001:db8::ffff:2") != bucket("2001:db8:0:1::1")
    assert bucket("192.0.2.1") == "192.0.2.1"
    assert bucket("::ffff:192.0.2.1") == "::ffff:192.0.2.1"


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"can't listen on 127.0.0.1 port {port}/tcp: "):
            open_socket("127.0.0.1", port)
