"""``[http_proxy]`` on real sockets: to one host only, for its clients only, and as fast as the slower side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.apiclient.https import HttpsHost
from authproxy.config.settings import HttpProxySettings
from authproxy.httpproxy.door import HttpProxy
from authproxy.model import Allowed, Identity
from tests.remote.fake_cloud import FakeCloud, FakeUser, on_loop
from tests.remote.remote_site import RemoteSite, ask, request

LOCAL = (ip_address("127.0.0.1"), ip_address("127.0.0.1"))
MEGABYTE = 1_000_000


class Proxy:
    """The proxy on a free port of loopback."""

    def __init__(self, far_port: int, **settings: Any) -> None:
        section = HttpProxySettings("http_proxy", "localhost", 0, "127.0.0.1", **settings)
        self.door = HttpProxy(section, reactor, reactor, most=3, port=far_port)
        self.listening: IListeningPort = reactor.listenTCP(0, self.door, interface="127.0.0.1")
        self.port: int = self.listening.getHost().port  # type: ignore[attr-defined]
        self.logged: list[str] = []
        globalLogPublisher.addObserver(self._observe)

    def _observe(self, event: LogEvent) -> None:
        if event["log_namespace"].startswith("authproxy.httpproxy"):
            self.logged.append(event["log_format"].format(**event))

    def close(self) -> None:
        globalLogPublisher.removeObserver(self._observe)
        self.door.close()
        pytest_twisted.blockon(self.listening.stopListening())

    async def tunnel(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To await in asyncio: established."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(connect_to("localhost", port))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        return reader, writer

    async def says(self, sent: bytes) -> bytes:
        """Everything that comes back until the proxy hangs up."""

        async def talk() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(sent)
            answer = b""
            with suppress(ConnectionError):
                answer = await reader.read()
            writer.close()
            return answer

        answer: bytes = await on_loop(talk())
        return answer


@pytest.fixture
def proxies() -> Iterator[Any]:
    made: list[Proxy] = []

    def make(far_port: int = 443, **settings: Any) -> Proxy:
        made.append(Proxy(far_port, **settings))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


def connect_to(host: str, port: int) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


@pytest_twisted.ensureDeferred
async def test_the_auth_api_is_reached_through_it(proxies: Any, tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.users["alice"] = FakeUser(codes={"123456"})
    await cloud.start()
    proxy = proxies(cloud.port, client_ips=(LOCAL,))
    site = RemoteSite(cloud, tmp_path)
    peer = site.connect(HttpsHost("localhost", cloud.port, site.authority, ("127.0.0.1", proxy.port)))
    begin = site.second_factor(site.sign(peer)).begin
    assert isinstance(await begin(Identity("alice"), ask("123456"), request()), Allowed)
    assert len({id(seen.connection) for seen in cloud.seen}) == 1
    assert proxy.logged == []
    await site.close()
    await cloud.stop()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (connect_to("localhost", 22), b"403"),
        (connect_to("other.example", 443), b"403"),
        (connect_to("127.0.0.1", 443), b"403"),
        (b"GET / HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01" + b"\0" * 9000, b"431"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_nothing_else_is_reached(proxies: Any, sent: bytes, status: bytes) -> None:
    proxy = proxies()
    answers = [await proxy.says(sent) for _ in range(3)]
    assert [answer.split()[1] for answer in answers] == [status] * 3
    assert len(proxy.logged) == 1
    assert "http_proxy: refused 127.0.0.1: " in proxy.logged[0]


@pytest_twisted.ensureDeferred
async def test_others_may_not_use_it(proxies: Any) -> None:
    proxy = proxies(client_ips=((ip_address("192.0.2.0"), ip_address("192.0.2.255")),))
    assert (await proxy.says(b"")).startswith(b"HTTP/1.1 403 ")
    assert proxy.logged == ["http_proxy: refused 127.0.0.1: not among client_ip (0 more of these before)"]


@pytest_twisted.ensureDeferred
async def test_a_host_that_is_not_there_is_told(proxies: Any) -> None:
    probe = await on_loop(asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0))
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    assert (await proxies(port).says(connect_to("localhost", port))).startswith(b"HTTP/1.1 502 ")


@pytest_twisted.ensureDeferred
async def test_connections_are_bounded(proxies: Any) -> None:
    proxy = proxies()

    async def hold() -> list[asyncio.StreamWriter]:
        return [(await asyncio.open_connection("127.0.0.1", proxy.port))[1] for _ in range(3)]

    held = await on_loop(hold())
    assert (await proxy.says(b"")).startswith(b"HTTP/1.1 503 ")
    for writer in held:
        writer.close()
    while not (await proxy.says(connect_to("other.example", 443))).startswith(b"HTTP/1.1 403 "):
        pass  # until the proxy has seen them go


class SlowHost:
    """Takes a connection and reads only when it is told to; then counts."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.received = 0
        self.done = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.go.wait()
        while data := await reader.read(MEGABYTE):
            self.received += len(data)
        writer.close()
        self.done.set()


@pytest_twisted.ensureDeferred
async def test_a_slow_host_slows_its_client_and_loses_nothing(proxies: Any) -> None:
    host, whole = SlowHost(), 64 * MEGABYTE
    server = await on_loop(asyncio.start_server(host, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    proxy = proxies(port)

    async def send() -> int:
        _reader, writer = await proxy.tunnel(port)
        writer.write(b"x" * whole)
        held, before = writer.transport.get_write_buffer_size(), 0
        while held != before:  # until nobody takes any more of it
            await asyncio.sleep(0.1)
            held, before = writer.transport.get_write_buffer_size(), held
        host.go.set()
        writer.close()
        await writer.wait_closed()
        await host.done.wait()
        return held

    held = await on_loop(send())
    assert held > whole // 2
    assert host.received == whole
    server.close()


@pytest_twisted.ensureDeferred
async def test_closing_ends_every_tunnel(proxies: Any) -> None:
    host = SlowHost()
    host.go.set()
    server = await on_loop(asyncio.start_server(host, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    proxy = proxies(port)
    reader, writer = await on_loop(proxy.tunnel(port))
    proxy.door.close()
    with pytest.raises(ConnectionResetError):
        await on_loop(reader.readexactly(1))
    await on_loop(host.done.wait())
    writer.close()
    server.close()
