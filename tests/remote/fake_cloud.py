"""A second-factor service on loopback: the Auth API v2 over TLS, every signature checked, and faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import trustme
from aiohttp import web
from twisted.internet.defer import Deferred

from authproxy.model import SUCCESS
from authproxy.web.api.signature import Flaw, Signable, credentials, verify

IKEY, SKEY = "DIAAAAAAAAAAAAAAAAAA", "0123456789abcdefghijklmnopqrstuvwxyzABCD"
NEWS_WITHIN = 5.0

Params = Mapping[str, str]
Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


def device(id_: str, number: str, *capabilities: str, **more: object) -> dict[str, object]:
    return {"device": id_, "type": "phone", "number": number, "capabilities": list(capabilities), **more}


PHONE = device("DPAAAAAAAAAAAAAAAAAA", "XXX-XXX-0100", "auto", "push", "sms", "phone", "mobile_otp")


@dataclass
class FakeUser:
    result: str = "auth"
    status_msg: str = "Account is active"
    codes: set[str] = field(default_factory=set)
    devices: list[dict[str, object]] = field(default_factory=lambda: [PHONE])
    enroll_portal_url: str = ""


@dataclass
class Asked:
    """A push or call that goes on."""

    params: Params
    answer: dict[str, object] | None = None
    polls: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Seen:
    path: str
    params: Params
    connection: object


class FakeCloud:
    """``faults``: by path, what happens to the next requests instead. ``seen``: what was asked, in order."""

    def __init__(self, host: str = "localhost") -> None:
        self.host = host
        self.port = 0
        self.authority = trustme.CA()
        self.users: dict[str, FakeUser] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.seen: list[Seen] = []
        self.asked: dict[str, Asked] = {}
        self.skey = SKEY
        self.ahead = 0.0  # seconds that its clock is ahead of the world's
        self._runner: web.AppRunner | None = None

    # ------------------------------------------------------------ running

    def start(self) -> Deferred[None]:
        return on_loop(self._start())

    def stop(self) -> Deferred[None]:
        async def stop() -> None:
            if self._runner is not None:
                await self._runner.cleanup()
                self._runner = None

        return on_loop(stop())

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._dispatch)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls_context())
        await site.start()
        self.port = self._runner.addresses[0][1]

    def tls_context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or (self.host,))).configure_cert(context)
        return context

    # ------------------------------------------------------------ what a test does

    def paths(self) -> list[str]:
        return [seen.path.removeprefix("/auth/v2/") for seen in self.seen]

    def decide(self, result: str, status: str, status_msg: str = "") -> None:
        """Answers everything that is asked at the moment."""
        for asked in self.asked.values():
            asked.answer = {"result": result, "status": status, "status_msg": status_msg}
            asked.news.set()

    async def until(self, path: str, count: int = 1) -> None:
        """Waits, in Twisted's time, until the path was asked for so often."""
        await on_loop(self._until(path, count))

    async def _until(self, path: str, count: int) -> None:
        async with asyncio.timeout(60):
            while self.paths().count(path) < count:
                await asyncio.sleep(0.005)

    # ------------------------------------------------------------ the API

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        params = self._params(request, body)
        self.seen.append(Seen(request.path, params, request.transport))
        if self.faults[request.path]:
            return await self.faults[request.path].pop(0)(request)
        if request.path != "/auth/v2/ping":
            wrong = self._unsigned(request, body)
            if wrong:
                return fail(*wrong)
        match request.method, request.path:
            case "GET", "/auth/v2/ping":
                return ok({"time": int(time.time() + self.ahead)})
            case "GET", "/auth/v2/check":
                return ok({"time": int(time.time() + self.ahead)})
            case "POST", "/auth/v2/preauth":
                return self._preauth(params)
            case "POST", "/auth/v2/auth":
                return await self._auth(params)
            case "GET", "/auth/v2/auth_status":
                return await self._status(params["txid"])
        return fail(40401, "Resource not found")

    def _params(self, request: web.Request, body: bytes) -> dict[str, str]:
        query = dict(parse_qsl(request.query_string, keep_blank_values=True))
        if request.content_type == "application/json":
            return query | json.loads(body or b"{}")
        return query | dict(parse_qsl(body.decode(), keep_blank_values=True))

    def _unsigned(self, request: web.Request, body: bytes) -> tuple[int, str] | None:
        given = credentials(request.headers.get("Authorization", "").encode())
        if given is None:
            return 40101, "Missing request credentials"
        if given.ikey != IKEY:
            return 40102, "Invalid integration key in request credentials"
        signed = Signable(
            request.method.encode(),
            self.host.encode(),
            request.path.encode(),
            request.query_string.encode(),
            body,
            request.content_type == "application/json",
            request.headers["Date"].encode(),
        )
        match verify(signed, given.signature, self.skey.encode(), time.time() + self.ahead):
            case Flaw.BAD_DATE | Flaw.NO_DATE:
                return 40105, "Bad request timestamp"
            case Flaw.BAD_SIGNATURE:
                return 40103, "Invalid signature in request credentials"
        return None

    def _preauth(self, params: Params) -> web.Response:
        user = self.users.get(params["username"])
        if user is None:
            enroll = {"result": "enroll", "status_msg": "Enroll an authentication device to proceed"}
            return ok({**enroll, "enroll_portal_url": "https://portal.example/enroll?code=1"})
        answer: dict[str, object] = {"result": user.result, "status_msg": user.status_msg}
        if user.result == "auth":
            answer["devices"] = user.devices
        return ok(answer)

    async def _auth(self, params: Params) -> web.Response:
        user = self.users[params["username"]]
        match params["factor"]:
            case "passcode" if params["passcode"] in user.codes:
                user.codes.discard(params["passcode"])
                return ok({"result": "allow", "status": "allow", "status_msg": SUCCESS})
            case "passcode":
                message = "Incorrect passcode. Please try again."
                return ok({"result": "deny", "status": "deny", "status_msg": message})
            case "sms":
                return ok({"result": "deny", "status": "sent", "status_msg": "New SMS passcodes sent."})
        txid = str(uuid.uuid4())
        asked = self.asked[txid] = Asked(params)
        if params["async"] == "1":
            return ok({"txid": txid})
        await asked.news.wait()
        assert asked.answer is not None
        return ok(asked.answer)

    async def _status(self, txid: str) -> web.Response:
        asked = self.asked.get(txid)
        if asked is None:
            return fail(40002, "Invalid request parameters", "txid")
        asked.polls += 1
        if asked.polls > 1:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.news.wait(), NEWS_WITHIN)
        waiting = {
            "result": "waiting",
            "status": "pushed",
            "status_msg": "Pushed a login request to your device...",
        }
        return ok(asked.answer or waiting)


# ---------------------------------------------------------------- responses and faults


def ok(response: object) -> web.Response:
    return web.json_response({"stat": "OK", "response": response})


def fail(code: int, message: str, detail: str = "", headers: Mapping[str, str] | None = None) -> web.Response:
    content = {"stat": "FAIL", "code": code, "message": message, "message_detail": detail}
    return web.json_response(content, status=code // 100, headers=headers)


def says(response: Callable[[], web.StreamResponse]) -> Fault:
    async def fault(request: web.Request) -> web.StreamResponse:
        return response()

    return fault


def text(status: int, body: str, content_type: str = "text/html") -> Fault:
    return says(lambda: web.Response(status=status, text=body, content_type=content_type))


def raw(data: bytes) -> Fault:
    """Writes bytes past all HTTP, then hangs up."""

    async def fault(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        await asyncio.sleep(0)
        request.transport.close()
        return web.Response()

    return fault


def stalls(data: bytes = b"") -> Fault:
    """Writes bytes past all HTTP, then nothing any more."""

    async def fault(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        await asyncio.Event().wait()
        return web.Response()

    return fault


def on_loop(work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
    return Deferred.fromFuture(asyncio.ensure_future(work))
