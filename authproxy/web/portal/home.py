"""The portal's first page: a user's devices, how they log in by default, and their recent logins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import LoginRecord
from authproxy.secondfactor.login_search import LoginFilter, search_logins
from authproxy.secondfactor.own_devices import OwnDevices, choose_default, own_devices
from authproxy.secondfactor.portal_sessions import COOKIE
from authproxy.secondfactor.sessions import end_session
from authproxy.web.pages.cookies import drop_cookie
from authproxy.web.portal.visit import PortalVisit

_LOGINS: Final = 10


@dataclass(frozen=True, slots=True)
class Home:
    own: OwnDevices
    logins: tuple[LoginRecord, ...]


async def home(visit: PortalVisit) -> Response:
    user_id = visit.who.user_id

    def look(connection: sa.Connection) -> Home:
        own = own_devices(connection, user_id)
        found = search_logins(connection, LoginFilter(names=(own.user.username,)), _LOGINS)
        return Home(own, tuple(found.rows))

    shown = await visit.read(look)
    return visit.render("portal/home.html", own=shown.own, logins=shown.logins, methods=_methods(visit, shown.own))


async def default(visit: PortalVisit) -> Response:
    method = visit.form.get("method")
    await visit.change(lambda connection: choose_default(connection, visit.who, method))
    return visit.home(visit.gettext("Saved"))


async def logout(visit: PortalVisit) -> Response:
    session = visit.session
    if session is not None:
        await visit.change(lambda connection: end_session(connection, session))
    response = visit.render("portal/goodbye.html")
    drop_cookie(response, COOKIE)
    return response


def _methods(visit: PortalVisit, own: OwnDevices) -> list[tuple[str, str]]:
    """Pairs of what is chosen and how it is called."""
    pairs = [("", visit.gettext("Whatever comes first"))]
    for phone in own.phones:
        if phone.takes_pushes:
            label = phone.label if phone.name or phone.number else visit.gettext("Tablet")
            pairs.append((f"push:{phone.id}", visit.gettext("Push to %s") % label))
        if phone.number:
            pairs.append((f"phone:{phone.id}", visit.gettext("Call to %s") % phone.label))
    return pairs
