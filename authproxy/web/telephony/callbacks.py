"""``/telephony/...``: where the gateway for messages and calls reports. Translates, and judges nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred

from authproxy.messaging.gateway import Came, Reply
from authproxy.web.site import Site
from authproxy.web.source import bucket, source_of

_MOST_FIELDS: Final = 200
_LONGEST_VALUE: Final = 4096
_FORBIDDEN = 403
_REFUSED = (_FORBIDDEN, 404)
_METHODS = ["GET", "POST"]

Told = Callable[[Request, Came], Coroutine[Any, Any, Reply]]


def routes(site: Site) -> list[Route]:
    if site.telephony is None:
        return []
    hears = site.telephony

    async def text(request: Request, came: Came) -> Reply:
        query = request.query_params
        return await hears.text_report(query.get("row", ""), query.get("token", ""), came)

    async def call(request: Request, came: Came) -> Reply:
        return await hears.call_step(request.query_params.get("token", ""), request.path_params["step"], came)

    return [
        Route("/telephony/sms", Callback(site, text), methods=_METHODS),
        Route("/telephony/call/{step}", Callback(site, call), methods=_METHODS),
    ]


class Callback:
    """One address as Starlette calls it; who is not the gateway learns nothing from the answer."""

    def __init__(self, site: Site, told: Told) -> None:
        self._site = site
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        came = Came(
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            pairs_of(request.headers.get("content-type", ""), body, scope["query_string"]),
            request.headers.get("x-twilio-signature", ""),
        )
        telling = Deferred.fromCoroutine(self._told(request, came))
        reply = await telling.asFuture(asyncio.get_running_loop())
        source = source_of(scope)
        if reply.status in _REFUSED:
            why = "wrong signature of the gateway" if reply.status == _FORBIDDEN else "unknown address"
            self._site.refusals.note(source, f"telephony: {why}")
        else:
            self._site.rates.give_back(bucket(source))
        response = Response(reply.body or None, reply.status, media_type=reply.media_type if reply.body else None)
        await response(scope, receive, send)


def pairs_of(content_type: str, body: bytes, query: bytes) -> tuple[tuple[str, str], ...]:
    """Of a form, of a flat JSON object, or of the query where there is no body. All else is nothing."""
    if not body:
        return _form(query)
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _json(body)
    return _form(body)


def _form(text: bytes) -> tuple[tuple[str, str], ...]:
    try:
        pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return ()
    return tuple(pair for pair in pairs if len(pair[1]) <= _LONGEST_VALUE)


def _json(body: bytes) -> tuple[tuple[str, str], ...]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(said, dict) or len(said) > _MOST_FIELDS:
        return ()
    return tuple(
        (name, str(value)[:_LONGEST_VALUE]) for name, value in said.items() if isinstance(value, str | int | float)
    )
