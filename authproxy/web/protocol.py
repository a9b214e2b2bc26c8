"""HTTP on one connection: uvicorn's, with bounds on how slowly and how much a client may send.

The server on its own waits for ever for the rest of a request, and keeps headers of any size.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast
from weakref import ref

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from authproxy.web.addresses import Addresses
from authproxy.web.corked import Corked
from authproxy.web.stream import Stream

REQUEST_SECONDS: Final = 20.0  # from the first byte, or the connection, to a whole request
LARGEST_HEAD: Final = 65_536


class HeadTooLarge(Exception):
    """Ends the parsing; the client is answered 400."""


class GuardedProtocol(HttpToolsProtocol):
    def __init__(
        self, config: Config, state: ServerState, addresses: Addresses, loop: asyncio.AbstractEventLoop
    ) -> None:
        """``addresses`` is shared by all connections. Applications find theirs in ``scope["state"]``."""
        super().__init__(config, state, {"connection": ref(self)}, loop)
        self._addresses = addresses
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None
        self._head = 0
        self._is_in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Corked(transport, self.loop)))
        self._address = self.client[0] if self.client else ""
        if self._addresses.enter(self._address):
            self._begin()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._addresses.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head += len(data)  # of a line that has not ended, the parser tells nothing
            if self._head > LARGEST_HEAD:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head, self._is_in_head = 0, True
        if self._timer is None:
            self._begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._end()
        super().on_message_complete()

    def become_stream(self) -> Stream | None:
        """See ``BecomesStream``. What else the application says goes nowhere, and all that belongs to the request
        can be forgotten."""
        if self.transport.is_closing() or self.pipeline:
            return None
        self._end()
        self.flow.resume_reading()
        self.connections.discard(self)
        opened = cast(set[object], self.connections)
        stream = Stream(self.transport, opened, self._addresses, self._address, self.flow.write_paused)
        self.transport.set_protocol(stream)
        self.cycle.disconnected = True
        self.parser = self.cycle = self.scope = None  # type: ignore[assignment]
        return stream

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > 2 * LARGEST_HEAD:  # counted as data and as header
            raise HeadTooLarge

    def _begin(self) -> None:
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self.transport.abort()
