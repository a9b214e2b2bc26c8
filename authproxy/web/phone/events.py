"""``/phone/api/events``: one stream for all phones that live in an open page. An event names the phone that should
look; what there is to see it fetches itself.

A stream is one coroutine that waits for the end of its connection; thousands of them are open at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.phone_api import PhoneApi, PhoneRefused, Signed
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.web.phone.api import UNAVAILABLE, refusal_said
from authproxy.web.phone.requests import Fields, signed
from authproxy.web.rates import Rates
from authproxy.web.source import bucket, source_of

PATH: Final = "/phone/api/events"
BEAT_SECONDS: Final = 25.0  # proxies between us close what is silent for a minute
_MOST_PHONES: Final = 20  # in one page
_HEADERS = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]


def routes(phones: PhoneApi, bus: PhoneBus, rates: Rates) -> list[Route]:
    return [Route(PATH, Events(phones, bus, rates), methods=["POST"])]


class Events:
    def __init__(self, phones: PhoneApi, bus: PhoneBus, rates: Rates) -> None:
        self._phones = phones
        self._bus = bus
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The body lists an authorization for each phone, each signed for this path and an empty body."""
        body = await Request(scope, receive).body()
        try:
            listed = [signed(PATH, each, b"") for each in Fields(body).texts("phones", _MOST_PHONES)]
            serials, gone = await Deferred.fromCoroutine(self._whose(listed)).asFuture(asyncio.get_running_loop())
        except PhoneRefused as refusal:
            await JSONResponse(refusal_said(refusal), 400)(scope, receive, send)
            return
        except StoreUnavailable:
            await JSONResponse(UNAVAILABLE, 503)(scope, receive, send)
            return
        self._rates.give_back(bucket(source_of(scope)))
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        stream = Stream(send)
        page = self._bus.listen(serials, stream.tell, stream.end)
        try:
            for serial in [*serials.values(), *gone]:
                stream.tell(serial)  # whatever came while it was not listening
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._bus.leave(page)
            stream.close()

    async def _whose(self, listed: Sequence[Signed]) -> tuple[dict[str, str], list[str]]:
        """Serials by phone ID, and those of phones that are refused: they learn why when they look."""
        serials, gone = {}, []
        for each in listed:
            try:
                serials[await self._phones.whose(each)] = each.serial
            except PhoneRefused:
                gone.append(each.serial)
        return serials, gone


class Stream:
    """One page's. Events wait for the connection to take them; the same one never waits twice."""

    __slots__ = ("_beat", "_loop", "_send", "_task", "_waiting")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[bytes, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._beat = self._loop.call_later(BEAT_SECONDS, self._keep_alive)

    def tell(self, serial: str) -> None:
        self._queue(f"event: changed\ndata: {serial}\n\n".encode())

    def end(self) -> None:
        """The service stops."""
        self._queue(b"")

    def close(self) -> None:
        self._beat.cancel()
        if self._task is not None:
            self._task.cancel()

    def _keep_alive(self) -> None:
        self._beat = self._loop.call_later(BEAT_SECONDS, self._keep_alive)
        self._queue(b":\n\n")

    def _queue(self, event: bytes) -> None:
        self._waiting[event] = None
        if self._task is None:
            self._task = self._loop.create_task(self._flush())

    async def _flush(self) -> None:
        while self._waiting:
            events = list(self._waiting)
            self._waiting.clear()
            more = b"" not in events
            await self._send({"type": "http.response.body", "body": b"".join(events), "more_body": more})
            if not more:
                return  # nothing may follow
        self._task = None
