"""The status page with what only administrators see: hosts, and why."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit


async def show(visit: Visit) -> Response:
    return visit.render("admin/status/status.html", report=visit.rooms.status())


PAGES: Final[tuple[Page, ...]] = (Page("GET", "/admin/status", Permission.VIEW, show),)
