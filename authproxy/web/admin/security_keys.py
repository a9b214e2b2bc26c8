"""Security keys of users. They are registered by their users alone, and deleted on the user's page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.key_search import UsersKey, search_keys
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

HOME: Final = "/admin/security-keys"
_COLUMNS: Final = ("id", "username", "name", "is_backed_up", "created", "last_used")


async def show_list(visit: Visit) -> Response:
    window, text = window_of(visit), visit.query.get("text", "")[:200]

    def look(connection: sa.Connection) -> Response:
        found = search_keys(connection, window, text)
        return visit.render(
            "admin/security_keys.html",
            keys=found.rows,
            pager=pager(visit, found, window),
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


async def export(visit: Visit) -> Response:
    text = visit.query.get("text", "")[:200]

    def row(key: UsersKey) -> Row:
        return {name: value for name, value in asdict(key).items() if name in _COLUMNS}

    reads = of_list(lambda connection, window: search_keys(connection, window, text), row)
    return await exported(visit, "security-keys", _COLUMNS, reads)


PAGES: Final = (
    Page("GET", HOME, Permission.VIEW, show_list),
    Page("GET", f"{HOME}/export.{{form}}", Permission.VIEW, export),
)
