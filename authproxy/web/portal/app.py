"""``/portal/``: where users look after their own devices."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authproxy.web.portal import authenticator_apps, home, keys, login, phones
from authproxy.web.portal.door import Answer, PortalDoor
from authproxy.web.portal.rooms import PortalRooms
from authproxy.web.rates import Rates

_PAGES: Final[tuple[tuple[str, str, Answer], ...]] = (
    ("GET", "/portal/", home.home),
    ("POST", "/portal/default", home.default),
    ("POST", "/portal/logout", home.logout),
    ("POST", "/portal/phones", phones.add),
    ("GET", "/portal/phones/{id}/state", phones.state),
    ("POST", "/portal/phones/{id}/activate", phones.activate),
    ("POST", "/portal/phones/{id}/test", phones.test),
    ("POST", "/portal/phones/{id}/name", phones.rename),
    ("POST", "/portal/phones/{id}/delete", phones.delete),
    ("POST", "/portal/apps/{id}/name", authenticator_apps.rename),
    ("POST", "/portal/apps/{id}/delete", authenticator_apps.delete),
    ("POST", "/portal/keys/begin", keys.begin),
    ("POST", "/portal/keys", keys.add),
    ("POST", "/portal/keys/{id}/name", keys.rename),
    ("POST", "/portal/keys/{id}/delete", keys.delete),
)

_OPEN: Final[tuple[tuple[str, str, Answer], ...]] = (
    ("GET", "/portal/login", login.show),
    ("POST", "/portal/login", login.login),
    ("GET", "/portal/from/{prompt}", login.from_prompt),
    ("GET", "/portal/callback", login.callback),
)


def routes(rooms: PortalRooms, rates: Rates) -> list[Route]:
    async def bare(_request: object) -> Response:
        return RedirectResponse("/portal/", 308)

    def page(method: str, path: str, answer: Answer, *, is_open: bool = False) -> Route:
        return Route(path, PortalDoor(answer, rooms, rates, is_open), methods=[method])

    return [
        Route("/portal", bare, methods=["GET"]),
        *(page(*listed) for listed in _PAGES),
        *(page(*listed, is_open=True) for listed in _OPEN),
    ]
