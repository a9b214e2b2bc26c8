"""The Admin Panel: every page of it, each behind its door."""

from __future__ import annotations

from itertools import chain
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authproxy.web.admin import (
    account,
    administrators,
    applications,
    audit,
    authenticator_app,
    billing,
    bypass_codes,
    dashboard,
    directories,
    groups,
    invitations,
    link,
    login,
    login_log,
    lost,
    messages,
    phones,
    policies,
    policy_places,
    roles,
    search,
    security_keys,
    settings,
    status,
    telephony_log,
    tokens,
    trash,
    user,
    user_form,
    users,
)
from authproxy.web.admin.door import Door
from authproxy.web.admin.page import Page
from authproxy.web.admin.rooms import AdminRooms
from authproxy.web.rates import Rates

PAGES: Final[tuple[Page, ...]] = tuple(
    chain(
        login.PAGES,
        directories.PAGES,
        link.PAGES,
        account.PAGES,
        administrators.PAGES,
        roles.PAGES,
        audit.PAGES,
        status.PAGES,
        dashboard.PAGES,
        users.PAGES,
        user.PAGES,
        user_form.PAGES,
        trash.PAGES,
        groups.PAGES,
        phones.PAGES,
        lost.PAGES,
        authenticator_app.PAGES,
        tokens.PAGES,
        security_keys.PAGES,
        bypass_codes.PAGES,
        messages.PAGES,
        invitations.PAGES,
        applications.PAGES,
        login_log.PAGES,
        telephony_log.PAGES,
        search.PAGES,
        policy_places.PAGES,  # before /admin/policies/{policy}
        policies.PAGES,
        settings.PAGES,
        billing.PAGES,
    )
)


def routes(rooms: AdminRooms, rates: Rates) -> list[Route]:
    async def home(_request: object) -> Response:
        return RedirectResponse("/admin/", 308)

    panel = [Route(page.path, Door(page, rooms, rates), methods=[page.method]) for page in PAGES]
    return [Route("/admin", home, methods=["GET"]), *panel]
