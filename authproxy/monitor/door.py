"""The port of ``[metrics]``: Twisted's own HTTP server around the pages."""

from __future__ import annotations

import socket

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from authproxy.config.settings import MetricsSettings
from authproxy.metrics import Metrics
from authproxy.monitor.pages import Insiders, Pages
from authproxy.monitor.readiness import Readiness

_IDLE_SECONDS = 30.0

_log = Logger()


def open_door(
    settings: MetricsSettings,
    metrics: Metrics,
    readiness: Readiness,
    opened: socket.socket,
    reactor: IReactorSocket,
) -> IListeningPort:
    """``opened``: a listening socket."""
    site = _site(Pages(metrics, readiness, Insiders(settings.client_ips)))
    try:
        return reactor.adoptStreamPort(opened.fileno(), opened.family, site)  # type: ignore[arg-type]
    finally:
        opened.close()


def _site(pages: Pages) -> _QuietSite:
    return _QuietSite(_Door(pages), timeout=_IDLE_SECONDS)  # type: ignore[no-untyped-call]


class _QuietSite(Site):
    """Who asks every few seconds need not be in the log."""

    noisy = False

    def log(self, request: HttpRequest) -> None:
        return


class _Door(Resource):
    isLeaf = True  # noqa: N815

    def __init__(self, pages: Pages) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pages = pages

    def render_GET(self, request: Request) -> int:
        answering: Deferred[None] = Deferred.fromCoroutine(self._answer(request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(_failed)
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> None:
        path = (request.path or b"").decode("latin-1")
        peer = str(getattr(request.client, "host", ""))
        reply = await self._pages.get(path, peer, request.getHeader("accept") or "")
        request.setResponseCode(reply.status)
        request.setHeader("content-type", reply.content_type)  # type: ignore[no-untyped-call]
        request.setHeader("content-length", str(len(reply.body)))  # type: ignore[no-untyped-call]
        request.write(reply.body)  # type: ignore[no-untyped-call]
        request.finish()  # type: ignore[no-untyped-call]


def _failed(failure: Failure) -> None:
    if not failure.check(CancelledError):  # type: ignore[no-untyped-call]
        _log.failure("monitor: a page failed", failure)
