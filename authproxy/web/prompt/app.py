"""``/prompt/ID``: one login in a browser. Looking shows where it is; what the user chooses is posted there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.model import JsonValue
from authproxy.secondfactor.prompt_desk import KIND
from authproxy.secondfactor.prompt_stages import Browser, Stage
from authproxy.secondfactor.sessions import Session, find_session
from authproxy.web.pages.entrance import Arrival, serve
from authproxy.web.pages.form import Form
from authproxy.web.prompt.pages import page, trouble
from authproxy.web.prompt.rooms import PromptRooms, cookie_name, prompt_path
from authproxy.web.rates import Rates
from authproxy.web.source import bucket, source_of
from authproxy.web.stream import open_stream

_FACTORS: Final = ("push", "phone", "sms")
_LONGEST_CREDENTIAL: Final = 20_000  # characters

_log = Logger()


def routes(rooms: PromptRooms, rates: Rates) -> list[Route]:
    return [
        Route("/prompt/{prompt}", Prompt(rooms, rates), methods=["GET", "POST"]),
        Route("/prompt/{prompt}/key", Prompt(rooms, rates, is_key=True), methods=["POST"]),
        Route("/prompt/{prompt}/phone", Prompt(rooms, rates, is_phone=True), methods=["GET"]),
        Route("/prompt/{prompt}/news", News(rooms, rates), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One of its addresses, as Starlette calls it. ``is_key``: what to ask a security key, ``is_phone``: how far a
    phone is, both as JSON; else the page."""

    rooms: PromptRooms
    rates: Rates
    is_key: bool = False
    is_phone: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(scope, receive, send, self._answered)

    async def _answered(self, arrival: Arrival) -> Response:
        try:
            session = await session_of(self.rooms, arrival.request)
            if session is None:
                return trouble(arrival, "gone", 410)
            self.rates.give_back(bucket(arrival.address))
            if arrival.changes and (arrival.form is None or not arrival.is_own(session.csrf)):
                return trouble(arrival, "out-of-date", 403)
            return await self._answer(arrival, session, browser_of(arrival))
        except (StoreUnavailable, SecretError) as error:
            _log.error("prompt: {problem}", problem=str(error))
            return trouble(arrival, "unavailable", 503)

    async def _answer(self, arrival: Arrival, session: Session, browser: Browser) -> Response:
        desk = self.rooms.desk
        if self.is_key:
            options = await desk.key_options(session, browser)
            return JSONResponse(options, 200 if options is not None else 409)
        if self.is_phone:
            phone = await desk.phone_stage(session, browser)
            return JSONResponse({"stage": type(phone).__name__.lower()})
        if arrival.form is not None and arrival.changes:
            return await self._chosen(arrival, session, browser, arrival.form)
        return self._shown(arrival, await desk.look(session, browser), session)

    def _shown(self, arrival: Arrival, stage: Stage, session: Session) -> Response:
        return page(arrival, stage, session.csrf, self.rooms.language())

    async def _chosen(self, arrival: Arrival, session: Session, browser: Browser, form: Form) -> Response:
        """What was chosen is done, or begun; the page shows what came of it, also when it is loaded again."""
        desk = self.rooms.desk
        choice, _, device = form.get("choice").partition(":")
        if choice == "remember":
            return self._shown(arrival, await desk.answer_remember(session, browser, device == "yes"), session)
        if form.raw("credential"):
            await desk.key_answer(session, browser, _json(form.raw("credential")))
        elif choice in _FACTORS and device:
            await desk.try_phone(session, browser, choice, device)
        elif choice == "passcode" and form.get("passcode"):
            await desk.try_passcode(session, browser, form.get("passcode"))
        elif choice == "cancel":
            desk.give_up(session)
        elif choice == "enroll-phone":
            await desk.enroll_phone(session, browser)
        return RedirectResponse(prompt_path(arrival.request.path_params["prompt"]), 303)


class News:
    """A stream that says ``changed`` when there is something new to look at."""

    def __init__(self, rooms: PromptRooms, rates: Rates) -> None:
        self._rooms = rooms
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        finding = Deferred.fromCoroutine(self._session(request))
        session = await finding.asFuture(asyncio.get_running_loop())
        attempt = self._rooms.desk.attempts.of(session.id) if session is not None else None
        if attempt is None:
            await Response(status_code=204)(scope, receive, send)  # which ends an EventSource for good
            return
        self._rates.give_back(bucket(source_of(scope)))
        stream = await open_stream(scope, send)
        stream.gone = attempt.listen(lambda: stream.tell("look"), stream.end)
        if attempt.is_over or request.query_params.get("seen") != attempt.progress.status:
            stream.tell("look")

    async def _session(self, request: Request) -> Session | None:
        try:
            return await session_of(self._rooms, request)
        except StoreUnavailable:
            return None


async def session_of(rooms: PromptRooms, request: Request) -> Session | None:
    """Whose prompt it is. Raises StoreUnavailable."""
    cookie = request.cookies.get(cookie_name(request.path_params["prompt"]), "")
    if not cookie:
        return None
    return await rooms.office.glance(
        lambda connection: find_session(connection, KIND, cookie, rooms.now(), float(rooms.seconds))
    )


def browser_of(arrival: Arrival) -> Browser:
    request = arrival.request
    return Browser(arrival.address, request.headers.get("user-agent", ""), request.cookies)


def _json(text: str) -> JsonValue:
    """None: it is none."""
    try:
        said: JsonValue = json.loads(text) if len(text) <= _LONGEST_CREDENTIAL else None
    except (ValueError, RecursionError):
        return None
    return said
