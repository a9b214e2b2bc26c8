"""Answers that stay open for hours, and say something now and then (``text/event-stream``).

Of a request whose answer is such a stream nothing is kept but its connection: thousands are open at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

from starlette.requests import ClientDisconnect
from starlette.types import Scope, Send

from authproxy.web.addresses import Addresses

BEAT_SECONDS: Final = 25.0  # proxies between us close what is silent for a minute
_HEADERS = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), (b"connection", b"close")]


class Stream(asyncio.Protocol):
    """One connection. Events wait for it to take them; the same one never waits twice. ``gone`` is called at its
    end, whoever has ended it."""

    __slots__ = ("_address", "_addresses", "_beat", "_is_full", "_loop", "_open", "_waiting", "gone", "transport")

    def __init__(
        self, transport: asyncio.Transport, opened: set[object], addresses: Addresses, address: str, is_full: bool
    ) -> None:
        """``opened``: the listener's connections, this one from now on among them. ``address``: whose it is, as
        ``addresses`` counts it. ``is_full``: ``transport`` takes nothing more until it says so."""
        self.transport = transport
        self.gone: Callable[[], None] = lambda: None
        self._open = opened
        self._addresses = addresses
        self._address = address
        self._is_full = is_full
        self._waiting: dict[bytes, None] = {}
        self._loop = asyncio.get_running_loop()
        self._beat = self._loop.call_later(BEAT_SECONDS, self._keep_alive)
        opened.add(self)

    def tell(self, data: str) -> None:
        self._queue(f"event: changed\ndata: {data}\n\n".encode())

    def end(self) -> None:
        """Nothing more follows."""
        self._queue(b"")

    def shutdown(self) -> None:
        """The listener stops, and waits for nobody."""
        self._waiting[b""] = None
        self._flush()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._beat.cancel()
        self._open.discard(self)
        self._addresses.leave(self._address)
        self.gone()

    def _keep_alive(self) -> None:
        self._beat = self._loop.call_later(BEAT_SECONDS, self._keep_alive)
        self._queue(b":\n\n")

    def _queue(self, event: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting[event] = None

    def _flush(self) -> None:
        if self._is_full or self.transport.is_closing():
            return
        is_end, events = b"" in self._waiting, b"".join(self._waiting)
        self._waiting.clear()
        if events:
            self.transport.write(b"%x\r\n%b\r\n" % (len(events), events))
        if is_end:
            self.transport.write(b"0\r\n\r\n")
            self.transport.close()


class BecomesStream(Protocol):
    """A connection with a request whose answer has begun."""

    def become_stream(self) -> Stream | None:
        """It is the stream's from now on. None: it is closed already, or the client has asked for more on it."""
        ...


async def open_stream(scope: Scope, send: Send) -> Stream:
    """Once the answer's head is sent; the application has no more to say then. Raises ClientDisconnect when nobody
    is there to listen."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    connection = cast(BecomesStream | None, scope["state"]["connection"]())
    stream = None if connection is None or scope["method"] == "HEAD" else connection.become_stream()
    if stream is None:
        await send({"type": "http.response.body"})
        raise ClientDisconnect
    return stream
