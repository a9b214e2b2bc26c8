"""``/enroll/TICKET``: where a user without a device sets up a phone. ``/qr``: pictures of activations.

The link is all that the page knows of its user: there are no cookies, and looking changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.enroll_api import Closed, EnrollApi, Stage, Waiting, Why
from authproxy.web.api import envelope
from authproxy.web.api.endpoint import enveloped
from authproxy.web.enroll import pages, pictures
from authproxy.web.pages.catalogue import choose
from authproxy.web.phone.files import AppFile
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.source import bucket, source_of

Asked = Callable[[str], Awaitable[Stage]]
Shows = Callable[[Request, Stage, str], Response]
"""The text is in that language."""

_MOBILE: Final = ("Mobi", "Android", "iPhone", "iPad")

_log = Logger()


def routes(enrolling: EnrollApi, rates: Rates, refusals: Refusals, language: Callable[[], str]) -> list[Route]:
    """``language``: the account's; empty: nobody has chosen one."""

    def leads(asked: Asked, shows: Shows) -> Step:
        return Step(asked, shows, rates, refusals, language)

    async def picture(request: Request) -> Response:
        return _picture(enrolling, request.query_params.get("value", ""))

    return [
        *(Route(f"/enroll/{path.name}", AppFile.read(path), methods=["GET"]) for path in pages.STATIC.iterdir()),
        Route("/enroll/{ticket}", leads(enrolling.look, _shown), methods=["GET"]),
        Route("/enroll/{ticket}/begin", leads(enrolling.begin, _begun), methods=["POST"]),
        Route("/enroll/{ticket}/stage", leads(enrolling.look, _told), methods=["GET"]),
        Route("/qr", picture, methods=["GET"]),
    ]


class Step:
    """One address of the page as Starlette calls it."""

    def __init__(
        self, asked: Asked, shows: Shows, rates: Rates, refusals: Refusals, language: Callable[[], str]
    ) -> None:
        self._asked = asked
        self._shows = shows
        self._rates = rates
        self._refusals = refusals
        self._chosen = language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, source = Request(scope, receive), source_of(scope)
        asking = Deferred.fromCoroutine(_answer(self._asked, request.path_params["ticket"]))
        stage = await asking.asFuture(asyncio.get_running_loop())
        if stage is None:
            text, status = pages.unavailable(_language(request))
            await HTMLResponse(text, status)(scope, receive, send)
            return
        if stage == Closed(Why.BAD_LINK):
            self._refusals.note(source, "a link to enroll that is forged or expired")
        else:
            self._rates.give_back(bucket(source))
        await self._shows(request, stage, self._language(request, stage))(scope, receive, send)

    def _language(self, request: Request, stage: Stage) -> str:
        """Who has a link that is good is known."""
        return _language(request, "" if stage == Closed(Why.BAD_LINK) else self._chosen())


async def _answer(asked: Asked, ticket: str) -> Stage | None:
    try:
        return await asked(ticket)
    except StoreUnavailable as error:
        _log.error("the enrollment page: {problem}", problem=str(error))
        return None


def _shown(request: Request, stage: Stage, language: str) -> Response:
    shown = request.query_params.get("app", "") or ("here" if _is_mobile(request) else "")
    text, status = pages.page(language, stage, _path(request), shown)
    return HTMLResponse(text, status)


def _begun(request: Request, stage: Stage, _language: str) -> Response:
    """Whatever came of it: the page shows it, also when it is loaded again. A phone has nothing to scan."""
    if isinstance(stage, Waiting) and _is_mobile(request):
        return RedirectResponse(stage.link, 303)
    return RedirectResponse(_path(request), 303)


def _is_mobile(request: Request) -> bool:
    """Whether the browser says that it is one of a phone or tablet. Some tablets say that they are computers."""
    if request.headers.get("sec-ch-ua-mobile") == "?1":
        return True
    agent = request.headers.get("user-agent", "")
    return any(word in agent for word in _MOBILE)


def _language(request: Request, chosen: str = "") -> str:
    return choose(chosen, request.headers.get("accept-language", ""))


def _path(request: Request) -> str:
    return f"/enroll/{request.path_params['ticket']}"


def _told(_request: Request, stage: Stage, _language: str) -> Response:
    return JSONResponse({"stage": pages.word(stage)})


def _picture(enrolling: EnrollApi, code: str) -> Response:
    """Of this service's own codes, and nothing else: nobody is shown a way elsewhere under our name."""
    link = enrolling.activation_link(code)
    if link is None:
        return enveloped(envelope.fail(envelope.NOT_FOUND), envelope.NOT_FOUND.status)
    return Response(pictures.png(link), media_type="image/png")
