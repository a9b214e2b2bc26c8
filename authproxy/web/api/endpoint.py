"""One endpoint as Starlette calls it: reads the request, asks who it is, has it answered, and says so in JSON or
BSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import BadParameter
from authproxy.web.api import bson, envelope
from authproxy.web.api.caller import Arrived, Call, arrived, identify
from authproxy.web.api.envelope import Refusal
from authproxy.web.site import Site
from authproxy.web.source import source_of

Answer = Callable[[Call], Awaitable[JsonValue | Response]]

MAY_AUTHENTICATE: Final = frozenset(("authapi", "unix", "radius", "ldap"))

_TOLD = (401, 403)  # what is wrong with a client's configuration

_log = Logger()


class Endpoint:
    """Every answer is an envelope. ``answer`` may raise Refusal, BadParameter and StoreUnavailable, or give a
    whole Response. Twisted's coroutines run inside, Starlette's outside."""

    def __init__(
        self, site: Site, answer: Answer, types: frozenset[str] = MAY_AUTHENTICATE, *, as_bson: bool = False
    ) -> None:
        self._site = site
        self._answer = answer
        self._types = types
        self._as_bson = as_bson

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        came = arrived(
            request.method,
            scope["raw_path"],
            scope["query_string"],
            scope["headers"],
            await request.body(),
            source_of(scope),
        )
        answered = Deferred.fromCoroutine(self._answered(came))
        response = await answered.asFuture(asyncio.get_running_loop())
        await response(scope, receive, send)

    async def _answered(self, came: Arrived) -> Response:
        try:
            call = await identify(came, self._site, self._types)
            said = await self._answer(call)
        except Refusal as refusal:
            if refusal.problem.status in _TOLD:
                self._site.refusals.note(came.source, refusal.problem.message)
            return self._failed(refusal.problem, refusal.detail)
        except BadParameter as error:
            return self._failed(envelope.INVALID_PARAMETERS, error.name)
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=came.signable.path.decode(), problem=str(error))
            return self._failed(envelope.UNAVAILABLE)
        return said if isinstance(said, Response) else enveloped(envelope.ok(said), as_bson=self._as_bson)

    def _failed(self, problem: envelope.Problem, detail: str = "") -> Response:
        return enveloped(envelope.fail(problem, detail), problem.status, as_bson=self._as_bson)


class OpenEndpoint:
    """Answers anybody, signed or not."""

    def __init__(self, answer: Callable[[], Awaitable[JsonValue]], *, as_bson: bool = False) -> None:
        self._answer = answer
        self._as_bson = as_bson

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = enveloped(envelope.ok(await self._answer()), as_bson=self._as_bson)
        await response(scope, receive, send)


def enveloped(said: dict[str, JsonValue], status: int = 200, *, as_bson: bool = False) -> Response:
    if as_bson:
        return Response(bson.encode(said), status, media_type="application/bson")
    return Response(envelope.to_json(said), status, media_type="application/json")
