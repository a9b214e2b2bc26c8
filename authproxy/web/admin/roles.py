"""What each role may do: the table that the panel goes by, for whoever is logged in."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from authproxy.secondfactor.roles import MATRIX, Permission, Role
from authproxy.web.admin.page import Entry, Page
from authproxy.web.admin.visit import Visit


async def show(visit: Visit) -> Response:
    return visit.render("admin/roles.html", roles=list(Role), permissions=list(Permission), matrix=MATRIX)


PAGES: Final[tuple[Page, ...]] = (Page("GET", "/admin/roles", Entry.ADMINISTRATOR, show),)
