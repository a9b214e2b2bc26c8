"""Bypass codes that still work. They are made on their user's page."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.bypass_search import GivenCode, delete_code, find_code, search_codes
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_COLUMNS: Final = ("username", "uses_left", "expires", "created", "created_by")


async def show_list(visit: Visit) -> Response:
    window, text = window_of(visit), visit.query.get("text", "")[:200]

    def look(connection: sa.Connection) -> Response:
        found = search_codes(connection, window, text)
        return visit.render(
            "admin/codes/list.html",
            codes=found.rows,
            pager=pager(visit, found, window),
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


async def export(visit: Visit) -> Response:
    text = visit.query.get("text", "")[:200]

    def row(code: GivenCode) -> Row:
        return {name: getattr(code, name) for name in _COLUMNS}

    reads = of_list(lambda connection, window: search_codes(connection, window, text), row)
    return await exported(visit, "bypass-codes", _COLUMNS, reads)


async def delete(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> GivenCode:
        code = find_code(connection, visit.path["code"])
        delete_code(connection, code)
        told = {"code": code.id, "uses_left": code.uses_left, "expires": code.expires}
        visit.note(connection, "bypass delete", code.username, before=told)
        return code

    code = await visit.change(change)
    is_on_user = visit.form.get("user") == code.user_id
    return visit.go(
        f"/admin/users/{code.user_id}" if is_on_user else "/admin/bypass-codes", visit.gettext("Deleted")
    )


PAGES: Final = (
    Page("GET", "/admin/bypass-codes", Permission.VIEW, show_list),
    Page("GET", "/admin/bypass-codes/export.{form}", Permission.VIEW, export),
    Page("POST", "/admin/bypass-codes/{code}/delete", Permission.MODIFY_DEVICES, delete),
)
