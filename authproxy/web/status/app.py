"""``/status`` and ``/status.json``: how the service is, now and over the last days. No host's name, no number of
logins: whoever asks may know no more than that something does not work. ``/`` leads to the pages there are."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from authproxy.model import JsonValue
from authproxy.secondfactor.status import Component, Report
from authproxy.web.pages.catalogue import choose
from authproxy.web.pages.templates import iso, render

Reads = Callable[[], Report]


def routes(report: Reads) -> list[Route]:
    async def page(request: Request) -> Response:
        return HTMLResponse(render(_language(request), "status/status.html", report=report()))

    async def data(_request: Request) -> Response:
        return JSONResponse(as_json(report()), headers={"access-control-allow-origin": "*"})

    return [Route("/status", page, methods=["GET"]), Route("/status.json", data, methods=["GET"])]


def front_page(*, has_portal: bool, has_panel: bool, has_status: bool) -> Route:
    """What is behind the bare address."""

    async def page(request: Request) -> Response:
        shown = {"has_portal": has_portal, "has_panel": has_panel, "has_status": has_status}
        return HTMLResponse(render(_language(request), "status/front.html", **shown))

    return Route("/", page, methods=["GET"])


def as_json(report: Report) -> dict[str, JsonValue]:
    """The keys are an interface."""
    return {
        "status": report.state.value,
        "at": iso(report.at),
        "components": [_component(component) for component in report.components],
    }


def _component(component: Component) -> JsonValue:
    days: list[JsonValue] = [
        {
            "day": iso(bar.day)[:10],
            "worst": bar.worst.value,
            "up_share": None if bar.share is None else round(bar.share, 5),
        }
        for bar in component.bars
    ]
    return {
        "component": component.name,
        "status": component.state.value,
        "since": iso(component.since),
        "days": days,
    }


def _language(request: Request) -> str:
    return choose("", request.headers.get("accept-language", ""))
