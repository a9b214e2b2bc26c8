"""The phone's part of the web side: its app, what the app asks, and other apps that serve as phones."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authproxy.secondfactor.phone_api import PhoneApi
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.secondfactor.pipush_api import PipushApi
from authproxy.web.phone import api, events, pipush
from authproxy.web.phone.files import app_files
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals

_PAGES = ("/phone/", "/phone/activate")
_Page = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Phones:
    """What the phone's part is handed."""

    desk: PhoneApi
    pipush: PipushApi
    bus: PhoneBus


def routes(phones: Phones, rates: Rates, refusals: Refusals, now: Callable[[], float]) -> list[Route]:
    """``now``: epoch seconds."""
    files = app_files()
    page = files.pop("index.html")
    return [
        *(Route(path, page, methods=["GET"]) for path in _PAGES),
        *(Route(f"/phone/{name}", file, methods=["GET"]) for name, file in files.items()),
        Route("/phone", _to_app, methods=["GET"]),
        *api.routes(phones.desk, rates, refusals, now),
        *events.routes(phones.desk, phones.bus, rates),
        *pipush.routes(phones.pipush, rates, refusals),
    ]


async def _to_app(_request: Request) -> Response:
    return RedirectResponse("/phone/", 308)
