"""Answers that stay open: what is left of a connection, how it ends, and what a client can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest_twisted
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.tcp import open_socket
from authproxy.web.certificate import WebCertificate, self_signed
from authproxy.web.listener import WebListener
from authproxy.web.source import Sources
from authproxy.web.stream import Stream, open_stream
from tests.web.twin import called, in_asyncio

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Streams:
    """An application that answers every request by a stream. ``opened`` and ``gone`` fire once."""

    port: int = 0
    opened: Deferred[Stream | None] = field(default_factory=Deferred)
    gone: Deferred[None] = field(default_factory=Deferred)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            stream = await open_stream(scope, send)
        except ClientDisconnect:
            self.opened.callback(None)
            return
        stream.gone = lambda: self.gone.callback(None)
        self.opened.callback(stream)


@asynccontextmanager
async def listening(directory: Path) -> AsyncIterator[tuple[Streams, WebListener]]:
    path, _ = self_signed(directory, ["localhost"])
    streams = Streams()
    opened = open_socket("127.0.0.1", 0)
    listener = WebListener(streams, WebCertificate(path, path), opened, Sources([]), Clock())
    streams.port = listener.port
    await in_asyncio(listener.start())
    try:
        yield streams, listener
    finally:
        await listener.stop()


def connected(port: int, request: bytes = GET) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    secure = context.wrap_socket(plain)
    secure.sendall(request)
    return secure


def until(secure: ssl.SSLSocket, end: bytes) -> bytes:
    said = b""
    while not said.endswith(end):
        piece = secure.recv(65_536)
        assert piece, said[-200:]
        said += piece
    return said


def the_rest(secure: ssl.SSLSocket) -> bytes:
    said = b""
    with contextlib.closing(secure), contextlib.suppress(ConnectionError):
        while piece := secure.recv(65_536):
            said += piece
    return said


@pytest_twisted.ensureDeferred
async def test_a_stream_says_what_it_is_told_and_ends_its_connection(tmp_path: Path) -> None:
    async with listening(tmp_path) as (streams, _listener):
        client = await called(connected, streams.port)
        stream = await streams.opened
        assert stream is not None
        for _ in range(3):
            stream.tell("one")
        stream.tell("two")
        said = await called(until, client, b"two\n\n\r\n")
        assert b"\r\nconnection: close\r\n" in said
        assert said.count(b"event: changed\ndata: one\n\n") == 1
        stream.end()
        assert await called(the_rest, client) == b"0\r\n\r\n"
        await streams.gone


@pytest_twisted.ensureDeferred
async def test_whoever_leaves_a_stream_is_noticed_and_counts_no_more(tmp_path: Path) -> None:
    async with listening(tmp_path) as (streams, listener):
        client = await called(connected, streams.port)
        assert await streams.opened is not None
        assert len(listener._addresses) == 1
        assert len(listener._state.connections) == 1
        client.close()
        await streams.gone
        assert len(listener._addresses) == 0
        assert not listener._state.connections


@pytest_twisted.ensureDeferred
async def test_what_a_slow_reader_was_told_many_times_waits_once(tmp_path: Path) -> None:
    async with listening(tmp_path) as (streams, _listener):
        client = await called(connected, streams.port)
        stream = await streams.opened
        assert stream is not None
        number = 0
        while not stream._is_full:
            stream.tell(f"{number} {'x' * 100_000}")
            await in_asyncio(asyncio.sleep(0))
            number += 1
        for _ in range(1000):
            stream.tell("same")
        stream.end()
        said = await called(the_rest, client)
        assert said.count(b"data: same\n") == 1
        assert all(b"data: %d x" % each in said for each in range(number))
        assert said.endswith(b"0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_the_listener_ends_streams_when_it_stops(tmp_path: Path) -> None:
    async with listening(tmp_path) as (streams, listener):
        client = await called(connected, streams.port)
        stream = await streams.opened
        assert stream is not None
        stream.tell("last")
        await listener.stop()
        said = await called(the_rest, client)
        assert said.endswith(b"data: last\n\n\r\n0\r\n\r\n")
        await streams.gone


@pytest_twisted.ensureDeferred
async def test_a_client_that_asks_for_more_on_the_same_connection_gets_no_stream(tmp_path: Path) -> None:
    async with listening(tmp_path) as (streams, _listener):
        client = await called(connected, streams.port, GET + GET)
        said = await called(the_rest, client)
        assert said.startswith(b"HTTP/1.1 200 OK")
        assert said.count(b"HTTP/1.1") == 1
        assert said.endswith(b"0\r\n\r\n")
        assert await streams.opened is None


@pytest_twisted.ensureDeferred
async def test_of_a_stream_one_may_ask_for_the_head_alone(tmp_path: Path) -> None:
    async with listening(tmp_path) as (streams, _listener):
        client = await called(connected, streams.port, GET.replace(b"GET", b"HEAD"))
        said = await called(the_rest, client)
        assert b"\r\ncontent-type: text/event-stream\r\n" in said
        assert said.endswith(b"\r\n\r\n")
        assert await streams.opened is None
