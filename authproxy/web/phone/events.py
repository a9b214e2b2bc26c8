"""``/phone/api/events``: one stream for all phones that live in an open page. An event names the phone that should
look; what there is to see it fetches itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
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
from authproxy.web.stream import open_stream

PATH: Final = "/phone/api/events"
_MOST_PHONES: Final = 20  # in one page


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
        stream = await open_stream(scope, send)
        page = self._bus.listen(serials, stream.tell, stream.end)
        stream.gone = partial(self._bus.leave, page)
        for serial in [*serials.values(), *gone]:
            stream.tell(serial)  # whatever came while it was not listening

    async def _whose(self, listed: Sequence[Signed]) -> tuple[dict[str, str], list[str]]:
        """Serials by phone ID, and those of phones that are refused: they learn why when they look."""
        serials, gone = {}, []
        for each in listed:
            try:
                serials[await self._phones.whose(each)] = each.serial
            except PhoneRefused:
                gone.append(each.serial)
        return serials, gone
