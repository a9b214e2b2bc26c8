"""The administrators' log: what was changed, by whom, from where, and what it was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor.audit_search import AuditFilter, AuditRow, search_audit
from authproxy.secondfactor.listing import Cursor, Excerpt
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.export import Row, exported, of_log
from authproxy.web.admin.lists import ROWS, cursor_of, export_path, log_pager
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.templates import moment

HOME: Final = "/admin/logs/administrators"
_COLUMNS: Final = ("id", "time", "actor", "action", "object", "address", "detail")
_MOMENTS: Final = ("expires", "locked_until")  # kept as epoch seconds


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a change. ``before``: None where nothing was replaced."""

    name: str
    before: str | None
    after: str


async def show(visit: Visit) -> Response:
    wanted, cursor = _wanted(visit), cursor_of(visit)
    found = await visit.read(lambda c: search_audit(c, wanted, ROWS, cursor))
    return visit.render(
        "admin/logs/administrators.html",
        rows=[(row, lines(row.detail)) for row in found.rows],
        query=visit.query,
        pages=log_pager(visit, found),
        export_path=lambda form: export_path(visit, form),
    )


async def export(visit: Visit) -> Response:
    wanted = _wanted(visit)

    def search(connection: sa.Connection, rows: int, cursor: Cursor | None) -> Excerpt[AuditRow]:
        return search_audit(connection, wanted, rows, cursor)

    return await exported(visit, "administrator-log", _COLUMNS, of_log(search, _row))


def _row(row: AuditRow) -> Row:
    when = datetime.fromtimestamp(row.at, UTC).isoformat(timespec="seconds")
    told: Row = {"id": row.id, "time": when, "actor": row.actor, "action": row.action, "object": row.object}
    return {**told, "address": row.address, "detail": dict(row.detail)}


def _wanted(visit: Visit) -> AuditFilter:
    query = visit.query
    actor, action = query.get("actor", "").strip(), query.get("action", "").strip()
    return AuditFilter(
        since=day_of(query.get("since", "")),
        until=day_of(query.get("until", ""), 1),
        actors=(actor,) if actor else (),
        actions=(action,) if action else (),
        object=query.get("object", "").strip(),
        text=query.get("text", ""),
    )


def day_of(text: str, later: int = 0) -> float | None:
    """``2026-12-01`` as epoch seconds, ``later`` days on, in UTC. None: it is no day."""
    try:
        return (
            datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=later)
        ).timestamp()
    except (ValueError, OverflowError):
        return None


def lines(detail: Mapping[str, JsonValue]) -> list[Line]:
    """A change as a table: the fields that were replaced, or all that was told."""
    before, after = detail.get("before"), detail.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [Line(name, None, _said(name, value)) for name, value in detail.items()]
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [Line(name, _said(name, before.get(name)), _said(name, after.get(name))) for name in names]


def _said(name: str, value: JsonValue) -> str:
    if name in _MOMENTS and isinstance(value, float):
        return moment(value)
    return _text(value)


def _text(value: JsonValue) -> str:
    match value:
        case None | "":
            return "-"
        case list():
            return ", ".join(map(_text, value)) or "-"
        case dict():
            return ", ".join(f"{key}: {_text(each)}" for key, each in value.items()) or "-"
    return str(value)


_NEEDS = Permission.VIEW_LOGS
PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, _NEEDS, show),
    Page("GET", f"{HOME}/export.{{form}}", _NEEDS, export),
)
