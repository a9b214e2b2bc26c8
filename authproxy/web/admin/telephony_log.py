"""The telephony log: every message and call, with what it cost."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.listing import Cursor, Excerpt
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.telephony_search import TelephonyFilter, search_telephony
from authproxy.secondfactor.telephony_view import Entry
from authproxy.web.admin.audit import day_of
from authproxy.web.admin.export import Row, exported, of_log
from authproxy.web.admin.lists import ROWS, cursor_of, export_path, log_pager
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

HOME: Final = "/admin/logs/telephony"
KINDS: Final = ("sms", "call")
_COLUMNS: Final = (
    "time", "kind", "purpose", "username", "number", "status", "detail", "cost", "provider_id", "login_id",
)  # fmt: skip


async def show(visit: Visit) -> Response:
    wanted, cursor = _wanted(visit), cursor_of(visit)

    def look(connection: sa.Connection) -> Response:
        found = search_telephony(connection, wanted, ROWS, cursor)
        return visit.render(
            "admin/logs/telephony.html",
            entries=found.rows,
            pager=log_pager(visit, found),
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


def _wanted(visit: Visit) -> TelephonyFilter:
    query = visit.query
    kind = query.get("kind", "")
    return TelephonyFilter(
        since=day_of(query.get("since", "")),
        until=day_of(query.get("until", ""), 1),
        kinds=(kind,) if kind in KINDS else (),
        text=query.get("text", "")[:200],
    )


async def export(visit: Visit) -> Response:
    wanted = _wanted(visit)

    def search(connection: sa.Connection, rows: int, cursor: Cursor | None) -> Excerpt[Entry]:
        return search_telephony(connection, wanted, rows, cursor)

    def row(entry: Entry) -> Row:
        return {"time": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds"), **asdict(entry)}

    return await exported(visit, "telephony-log", _COLUMNS, of_log(search, row))


PAGES: Final = (
    Page("GET", HOME, Permission.VIEW_LOGS, show),
    Page("GET", f"{HOME}/export.{{form}}", Permission.VIEW_LOGS, export),
)
