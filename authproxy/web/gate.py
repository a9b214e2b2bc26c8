"""What every request passes first: where it comes from, how often that source asks, and how large it is."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from twisted.logger import Logger

from authproxy.web.api import envelope
from authproxy.web.api.endpoint import enveloped
from authproxy.web.api.envelope import Problem
from authproxy.web.pages.catalogue import _, choose
from authproxy.web.pages.templates import render
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.source import Sources, bucket

LARGEST_BODY: Final = 1 << 20
_DRAINED: Final = 32 << 20  # a client that is still sending does not read an answer

_WRONG_METHOD = 405
_LINKS = ("/enroll/", "/admin/link/", "/portal/link/")

_TITLES: Final = {
    envelope.NOT_FOUND: _("There is no such page"),
    envelope.TOO_MANY: _("Too many requests: please wait a moment"),
    envelope.INTERNAL: _("Something went wrong here: please try again"),
}

_log = Logger()


class TooLarge(Exception):
    """The body is."""


class Gate:
    """Answers 429, 413, 404, 405 and, when a room failed, 500; all else is ``app``'s."""

    def __init__(self, app: ASGIApp, sources: Sources, rates: Rates, refusals: Refusals, is_debug: bool) -> None:
        self._app = app
        self._sources = sources
        self._rates = rates
        self._refusals = refusals
        self._is_debug = is_debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        client = scope.get("client")
        source = self._sources.of(client[0] if client else "", scope["headers"])
        scope["state"]["source"] = source
        scope["app"] = self._app  # has the router raise for what it does not know
        if not self._rates.take(bucket(source)):
            self._refusals.note(source, envelope.TOO_MANY.message)
            response = _told(scope, envelope.TOO_MANY)
            response.headers["Retry-After"] = "1"
            await response(scope, receive, send)
            return
        await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, begun = _Body(receive), False

        async def watched(message: Message) -> None:
            nonlocal begun
            if self._is_debug and not begun:
                self._tell(scope, message)
            begun = True
            await send(message)

        try:
            await self._app(scope, body.receive, watched)
            return
        except ClientDisconnect:
            return
        except TooLarge:
            problem = envelope.TOO_LARGE
            await body.drain()
        except HTTPException as error:
            problem = envelope.WRONG_METHOD if error.status_code == _WRONG_METHOD else envelope.NOT_FOUND
        except Exception:
            path = _told_path(scope["raw_path"].decode())
            _log.failure("web: {method} {path} failed", method=scope["method"], path=path)
            problem = envelope.INTERNAL
        if not begun:
            response = _told(scope, problem)
            if problem is envelope.TOO_LARGE and body.has_more:
                response.headers["Connection"] = "close"
            await response(scope, receive, watched)

    def _tell(self, scope: Scope, start: Message) -> None:
        _log.debug(
            "web: {source}: {method} {path}: {status}",
            source=scope["state"]["source"],
            method=scope["method"],
            path=_told_path(scope["raw_path"].decode("ascii")),
            status=start["status"],
        )


def _told(scope: Scope, problem: Problem) -> Response:
    """People are shown a page, programs an envelope."""
    headers = Headers(scope=scope)
    if "text/html" not in headers.get("accept", ""):
        return enveloped(envelope.fail(problem), problem.status)
    title = _TITLES.get(problem, problem.message)
    language = choose("", headers.get("accept-language", ""))
    return HTMLResponse(render(language, "pages/problem.html", title=title), problem.status)


def _told_path(path: str) -> str:
    """Whoever reads the log must not be able to follow a link that opens something."""
    found = next((start for start in _LINKS if path.startswith(start)), None)
    return path if found is None else f"{found}..."


class _Body:
    """A body on its way in, counted."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0
        self.has_more = True

    async def receive(self) -> Message:
        message = await self._next()
        if self._bytes > LARGEST_BODY:
            raise TooLarge
        return message

    async def drain(self) -> None:
        while self.has_more and self._bytes < _DRAINED:
            await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        self.has_more = message["type"] == "http.request" and message.get("more_body", False)
        return message
