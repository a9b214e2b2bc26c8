"""The authentication log: every decided login, found by many ways, and one of them step by step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import Factor, LoginRecord, Reason
from authproxy.secondfactor.listing import Cursor, Excerpt
from authproxy.secondfactor.login_search import LoginFilter, search_logins, user_ids
from authproxy.secondfactor.login_story import login_facts, story_of
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.audit import day_of
from authproxy.web.admin.export import Row, exported, of_log
from authproxy.web.admin.lists import ROWS, cursor_of, export_path, log_pager
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.catalogue import _

HOME: Final = "/admin/logs/authentication"
RESULTS: Final = (_("accept"), _("reject"), _("challenge"))
_COLUMNS: Final = (
    "time", "login_id", "username", "result", "reason", "factor", "device", "section", "client_ip", "nas",
    "elapsed",
)  # fmt: skip


async def show(visit: Visit) -> Response:
    wanted, cursor = _wanted(visit), cursor_of(visit)

    def look(connection: sa.Connection) -> Response:
        found = search_logins(connection, wanted, ROWS, cursor)
        return visit.render(
            "admin/logs/logins.html",
            logins=found.rows,
            pager=log_pager(visit, found),
            results=RESULTS,
            reasons=[str(reason) for reason in Reason],
            factors=[str(factor) for factor in Factor],
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


def _wanted(visit: Visit) -> LoginFilter:
    query = visit.query

    def one(name: str) -> tuple[str, ...]:
        value = query.get(name, "").strip()
        return (value,) if value else ()

    return LoginFilter(
        since=day_of(query.get("since", "")),
        until=day_of(query.get("until", ""), 1),
        names=one("name"),
        applications=one("application"),
        factors=one("factor"),
        results=one("result"),
        reasons=one("reason"),
        text=query.get("text", "")[:200],
    )


async def export(visit: Visit) -> Response:
    wanted = _wanted(visit)

    def search(connection: sa.Connection, rows: int, cursor: Cursor | None) -> Excerpt[LoginRecord]:
        return search_logins(connection, wanted, rows, cursor)

    def row(login: LoginRecord) -> Row:
        return {
            "time": datetime.fromtimestamp(login.at, UTC).isoformat(timespec="milliseconds"),
            **login_facts(login),
        }

    return await exported(visit, "authentication-log", _COLUMNS, of_log(search, row))


async def explain(visit: Visit) -> Response:
    """A login that was answered in several steps may have several records."""
    mode = visit.rooms.settings.username_normalization

    def look(connection: sa.Connection) -> Response:
        found = search_logins(connection, LoginFilter(login_id=visit.path["login"])).rows
        if not found:
            raise NotFound(f"there is no login {visit.path['login'][:40]!r}")
        ids = user_ids(connection, {login.username for login in found}, mode)
        return visit.render(
            "admin/logs/login.html",
            login_id=found[0].login_id,
            stories=[story_of(each) for each in found],
            ids=ids,
        )

    return await visit.read(look)


PAGES: Final = (
    Page("GET", HOME, Permission.VIEW_LOGS, show),
    Page("GET", f"{HOME}/export.{{form}}", Permission.VIEW_LOGS, export),
    Page("GET", f"{HOME}/{{login}}", Permission.VIEW_LOGS, explain),
)
