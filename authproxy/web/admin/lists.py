"""Long lists on pages: which part is wanted, and the ways to the parts beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from authproxy.secondfactor.listing import Cursor, Excerpt, Listing, Window
from authproxy.web.admin.visit import Visit

ROWS: Final = 50
_FARTHEST: Final = 1_000_000
_LARGEST_ID: Final = 2**63 - 1  # that SQLite knows


@dataclass(frozen=True, slots=True)
class Pager:
    """Paths of the pages beside this one, or empty; and what is said between them."""

    before: str
    after: str
    said: str


def window_of(visit: Visit) -> Window:
    """``page`` counts from 1."""
    text = visit.query.get("page", "1")
    page = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(_FARTHEST)) else 1
    return Window(ROWS, (max(page, 1) - 1) * ROWS)


def pager(visit: Visit, listing: Listing[Any], window: Window) -> Pager:
    page, shown = window.offset // ROWS + 1, len(listing.rows)
    said = visit.gettext("%(first)d to %(last)d of %(total)d") % {
        "first": window.offset + 1 if shown else 0,
        "last": window.offset + shown,
        "total": listing.total,
    }
    has_more = window.offset + shown < listing.total
    return Pager(
        _here(visit, page=str(page - 1)) if page > 1 else "",
        _here(visit, page=str(page + 1)) if has_more and shown else "",
        said,
    )


def cursor_of(visit: Visit) -> Cursor | None:
    """Of a log: ``behind=AT:ID``. None: from the newest on."""
    at, _, row_id = visit.query.get("behind", "").partition(":")
    try:
        cursor = Cursor(float(at), int(row_id))
    except (ValueError, OverflowError):
        return None
    return cursor if math.isfinite(cursor.at) and abs(cursor.id) <= _LARGEST_ID else None


def log_pager(visit: Visit, excerpt: Excerpt[Any]) -> Pager:
    """Of a log one comes to older rows, and back to the newest."""
    following = "" if excerpt.next is None else _here(visit, behind=f"{excerpt.next.at!r}:{excerpt.next.id}")
    return Pager(_here(visit, behind=None) if "behind" in visit.query else "", following, "")


def export_path(visit: Visit, form: str) -> str:
    """Of the same list, with the same filters. ``form``: csv or json."""
    query = [(name, value) for name, value in visit.query.multi_items() if name not in ("page", "behind")]
    path = f"{visit.request.url.path}/export.{form}"
    return f"{path}?{urlencode(query)}" if query else path


def _here(visit: Visit, **changed: str | None) -> str:
    """This page with other parameters; None: without that one."""
    query = [(name, value) for name, value in visit.query.multi_items() if name not in changed]
    query += [(name, value) for name, value in changed.items() if value is not None]
    return f"{visit.request.url.path}?{urlencode(query)}" if query else visit.request.url.path
