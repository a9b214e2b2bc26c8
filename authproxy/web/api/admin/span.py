"""Which part of a log is asked for: from when until when, how much of it, and behind which row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.listing import Cursor, Total
from authproxy.web.api.admin.operation import Asked
from authproxy.web.api.admin.shapes import TEXT, WHOLE, Schema, maybe, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, Refusal

MOST: Final = 1000
_USUAL: Final = 100
EARLIEST: Final = 10**12
"""What has fewer digits is seconds."""
_LAST_MS: Final = 10**14
_LAST: Final = 10**11
_ROW: Final = re.compile(r"id([0-9]{1,18})")
_MILLI: Final = 1000

SPAN: Final = "mintime:integer! maxtime:integer! limit:integer sort next_offset:list"
"""The parameters that say so."""
ITEMS_METADATA: Final[Schema] = record(next_offset=maybe(TEXT), total_objects=record(value=WHOLE, relation=TEXT))
NOWHERE: Final[Mapping[str, JsonValue]] = {"city": None, "state": None, "country": None}
"""What a log says of a place that is not known."""

FindsPlace = Callable[[sa.Connection, int], Cursor | None]


@dataclass(frozen=True, slots=True)
class Span:
    """``since`` inclusive, ``until`` exclusive, in epoch seconds."""

    since: float
    until: float
    limit: int
    cursor: Cursor | None
    is_descending: bool


def span(connection: sa.Connection, asked: Asked, place_of: FindsPlace, earliest: int = EARLIEST) -> Span:
    """Of version 2: times in milliseconds, none of them before ``earliest``. Raises Refusal."""
    given = asked.parameters
    for name in ("mintime", "maxtime"):
        given.required(name)
    first = given.integer("mintime", earliest, _LAST_MS, 0)
    last = given.integer("maxtime", earliest, _LAST_MS, 0)
    if first >= last:
        raise Refusal(INVALID_PARAMETERS, "mintime")
    order = given.text("sort") or "ts:desc"
    if order not in ("ts:asc", "ts:desc"):
        raise Refusal(INVALID_PARAMETERS, "sort")
    limit = min(given.integer("limit", 1, _LAST, _USUAL), MOST)
    return Span(
        first / _MILLI, (last + 1) / _MILLI, limit, _cursor(connection, asked, place_of), order == "ts:desc"
    )


def since(asked: Asked) -> float:
    """Of version 1: seconds. Raises Refusal."""
    return float(asked.parameters.integer("mintime", 0, _LAST, 0))


def _cursor(connection: sa.Connection, asked: Asked, place_of: FindsPlace) -> Cursor | None:
    """Milliseconds and a row, in whichever order they arrive. Raises Refusal."""
    parts = asked.parameters.texts("next_offset", 2)
    if not parts:
        return None
    row = next((found for part in parts if (found := _ROW.fullmatch(part))), None)
    at = next((part for part in parts if part.isascii() and part.isdigit()), None)
    if row is None or at is None or len(parts) != 2 or len(at) > len(str(_LAST_MS)):
        raise Refusal(INVALID_PARAMETERS, "next_offset")
    number = int(row.group(1))
    return place_of(connection, number) or Cursor(int(at) / _MILLI, number)


def offset(cursor: Cursor | None) -> list[str] | None:
    return None if cursor is None else [str(int(cursor.at * _MILLI)), f"id{cursor.id}"]


def metadata(cursor: Cursor | None, total: Total) -> dict[str, JsonValue]:
    """As logs of activity and telephony have it."""
    parts = offset(cursor)
    return {
        "next_offset": None if parts is None else ",".join(parts),
        "total_objects": {"value": total.count, "relation": "eq" if total.is_exact else "gte"},
    }
