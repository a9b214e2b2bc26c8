"""``/portal/``: where users look after their own devices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authproxy.web.portal import home, keys, phones
from authproxy.web.portal.door import PortalDoor
from authproxy.web.portal.rooms import PortalRooms
from authproxy.web.portal.visit import PortalVisit
from authproxy.web.rates import Rates

_PAGES: Final[tuple[tuple[str, str, Callable[[PortalVisit], Awaitable[Response]]], ...]] = (
    ("GET", "/portal/", home.home),
    ("POST", "/portal/default", home.default),
    ("POST", "/portal/logout", home.logout),
    ("POST", "/portal/phones", phones.add),
    ("GET", "/portal/phones/{id}/state", phones.state),
    ("POST", "/portal/phones/{id}/activate", phones.activate),
    ("POST", "/portal/phones/{id}/name", phones.rename),
    ("POST", "/portal/phones/{id}/delete", phones.delete),
    ("POST", "/portal/keys/begin", keys.begin),
    ("POST", "/portal/keys", keys.add),
    ("POST", "/portal/keys/{id}/name", keys.rename),
    ("POST", "/portal/keys/{id}/delete", keys.delete),
)


def routes(rooms: PortalRooms, rates: Rates) -> list[Route]:
    async def bare(_request: object) -> Response:
        return RedirectResponse("/portal/", 308)

    pages = [Route(path, PortalDoor(answer, rooms, rates), methods=[method]) for method, path, answer in _PAGES]
    return [Route("/portal", bare, methods=["GET"]), *pages]
