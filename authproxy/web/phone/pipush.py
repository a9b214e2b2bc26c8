"""``/ttype/push``: the one endpoint of the privacyIDEA Authenticator. GET polls; POST enrolls and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy import __version__
from authproxy.errors import SecretError, StoreUnavailable
from authproxy.secondfactor.pipush_api import Enrolled, Fields, Heard, PipushApi, PipushRefused
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.source import bucket, source_of

PATH: Final = "/ttype/push"
_LARGEST_BODY = 32_768
_MOST_FIELDS = 20
_REFUSED, _UNAVAILABLE = 401, 404  # error codes inside the answer

_log = Logger()


def routes(pipush: PipushApi, rates: Rates, refusals: Refusals) -> list[Route]:
    endpoint = PipushEndpoint(pipush, rates, refusals)
    return [Route(PATH, endpoint, methods=["GET", "POST"])]


class PipushEndpoint:
    def __init__(self, pipush: PipushApi, rates: Rates, refusals: Refusals) -> None:
        self._pipush = pipush
        self._rates = rates
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body, source = await request.body(), source_of(scope)
        if request.method == "POST" and not body:  # iOS asks its user for permission with this
            self._rates.give_back(bucket(source))
            await _failed("empty request", 400)(scope, receive, send)
            return
        fields = read_fields(scope["query_string"] if request.method == "GET" else body)
        asked = self._poll if request.method == "GET" else self._post
        answered = Deferred.fromCoroutine(self._answered(asked, fields, source))
        response = await answered.asFuture(asyncio.get_running_loop())
        await response(scope, receive, send)

    async def _answered(
        self, asked: Callable[[Fields], Awaitable[Response]], fields: Fields, source: str
    ) -> Response:
        try:
            response = await asked(fields)
        except PipushRefused as refusal:
            self._refusals.note(source, f"pipush: {refusal.detail.partition(':')[0]}")
            return _failed(str(refusal), 400)
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=PATH, problem=str(error))
            return _failed("The service can't answer now.", 503)
        self._rates.give_back(bucket(source))
        return response

    async def _poll(self, fields: Fields) -> Response:
        return _done([dict(each) for each in await self._pipush.poll(fields)])

    async def _post(self, fields: Fields) -> Response:
        match await self._pipush.post(fields):
            case Enrolled(public_key):
                return _done(True, {"public_key": public_key})
            case Heard(value, code) if code:
                return _done(value, {"display_code": code, "message": "Enter this code at the login"})
            case Heard(value):
                return _done(value)


def read_fields(text: bytes) -> Fields:
    """A form, or a JSON object. What can't be read has no fields."""
    if len(text) > _LARGEST_BODY:
        return {}
    try:
        if text.lstrip().startswith(b"{"):
            read: Any = json.loads(text)
            return {str(key): _as_text(value) for key, value in read.items() if value is not None}
        return dict(parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except (ValueError, RecursionError):
        return {}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else json.dumps(value)


def _done(value: object, detail: Mapping[str, str] | None = None) -> Response:
    said: dict[str, object] = {"result": {"status": True, "value": value}}
    return _reply(said | ({"detail": dict(detail)} if detail else {}), 200)


def _failed(message: str, status: int) -> Response:
    code = _UNAVAILABLE if status >= 500 else _REFUSED
    return _reply({"result": {"status": False, "error": {"code": code, "message": message}}}, status)


def _reply(said: dict[str, object], status: int) -> Response:
    about = {"jsonrpc": "2.0", "id": 1, "version": f"authproxy {__version__}", "versionnumber": __version__}
    return JSONResponse(about | said, status)
