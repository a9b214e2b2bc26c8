"""``/phone/api``: what the phone's page asks, in JSON. No cookies: each request carries the phone's signature."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.secondfactor.phone_api import Answer, Claim, Contact, PhoneApi, PhoneRefused, Signed, Why
from authproxy.web.phone.requests import Fields, octets, signed
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.source import bucket, source_of

Said = dict[str, Any]
Asked = Callable[[Signed, Fields], Awaitable[Said]]

_STATUS: Final = {
    Why.BAD_REQUEST: 400,
    Why.BAD_CODE: 404,
    Why.UNKNOWN_PHONE: 401,
    Why.FORGED: 401,
    Why.CLOCK: 401,
    Why.DISABLED: 403,
    Why.NO_SUCH_PUSH: 404,
    Why.REPLAYED: 409,
    Why.TOO_LATE: 409,
    Why.TOO_MANY: 429,
}
UNAVAILABLE: Final[Said] = {"error": "unavailable", "message": "The service can't answer now."}
_SUSPECT: Final = (Why.FORGED, Why.REPLAYED, Why.BAD_CODE)

_log = Logger()


def routes(phones: PhoneApi, rates: Rates, refusals: Refusals, now: Callable[[], float]) -> list[Route]:
    """``now``: epoch seconds."""
    api = Api(phones)
    asked: dict[str, Asked] = {
        "claim": api.claim,
        "pushes": api.pushes,
        "answer": api.answer,
        "contact": api.contact,
        "delivered": api.delivered,
        "test": api.try_out,
        "leave": api.leave,
    }
    return [
        Route(f"/phone/api/{name}", PhoneEndpoint(each, rates, refusals, now), methods=["POST"])
        for name, each in asked.items()
    ]


class Api:
    def __init__(self, phones: PhoneApi) -> None:
        self._phones = phones

    async def claim(self, request: Signed, fields: Fields) -> Said:
        claim = Claim(fields.text("code"), octets(fields.text("key")), fields.text("platform", ""))
        claimed = await self._phones.claim(request, claim)
        said = dataclasses.asdict(claimed)
        return {**said, "secret": claimed.secret.hex()}

    async def pushes(self, request: Signed, _: Fields) -> Said:
        return dataclasses.asdict(await self._phones.pushes(request))

    async def answer(self, request: Signed, fields: Fields) -> Said:
        answer = Answer(
            fields.text("push"), fields.text("nonce"), fields.text("decision"), fields.text("number", "")
        )
        return dataclasses.asdict(await self._phones.answer(request, answer))

    async def contact(self, request: Signed, fields: Fields) -> Said:
        contact = Contact(fields.whole("clock"), fields.text("permission"), fields.optional("subscription"))
        return {"push_key": await self._phones.contact(request, contact)}

    async def delivered(self, request: Signed, fields: Fields) -> Said:
        await self._phones.delivered(request, fields.text("push"))
        return {}

    async def try_out(self, request: Signed, _: Fields) -> Said:
        await self._phones.try_out(request)
        return {}

    async def leave(self, request: Signed, _: Fields) -> Said:
        await self._phones.leave(request)
        return {}


class PhoneEndpoint:
    """Every answer has ``now``, in milliseconds: phones follow it."""

    def __init__(self, asked: Asked, rates: Rates, refusals: Refusals, now: Callable[[], float]) -> None:
        self._asked = asked
        self._rates = rates
        self._refusals = refusals
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        answered = Deferred.fromCoroutine(
            self._answered(scope["path"], request.headers.get("authorization", ""), body, source_of(scope))
        )
        said, status = await answered.asFuture(asyncio.get_running_loop())
        stamped = {**said, "now": int(self._now() * 1000)}
        await JSONResponse(stamped, status)(scope, receive, send)

    async def _answered(self, path: str, authorization: str, body: bytes, source: str) -> tuple[Said, int]:
        try:
            said = await self._asked(signed(path, authorization, body), Fields(body))
        except PhoneRefused as refusal:
            if refusal.why in _SUSPECT:
                self._refusals.note(source, f"phone: {refusal.why}")
            else:
                self._rates.give_back(bucket(source))
            return refusal_said(refusal), _STATUS[refusal.why]
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=path, problem=str(error))
            return UNAVAILABLE, 503
        self._rates.give_back(bucket(source))
        return said, 200


def refusal_said(refusal: PhoneRefused) -> Said:
    return {"error": refusal.why, "message": str(refusal)}
