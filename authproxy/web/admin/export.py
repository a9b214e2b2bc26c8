"""Lists and logs as files: read, written and sent a part at a time, so that their length costs no memory."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from starlette.responses import Response, StreamingResponse

from authproxy.model import JsonValue
from authproxy.secondfactor.listing import Cursor, Excerpt, Listing, Window
from authproxy.secondfactor.refusals import NotFound
from authproxy.web.admin.visit import Visit

Row = Mapping[str, JsonValue]
Part = tuple[Sequence[Row], Any]
"""Rows, and where the next part begins; None: this was the last."""
Reads = Callable[[sa.Connection, Any], Part]
"""From a place on; None: the beginning."""

_LOG_ROWS: Final = 50  # a part takes the processor from logins for two milliseconds or so,
_REST: Final = 0.003  # and these seconds are theirs before the next
_LIST_ROWS: Final = 500
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9 .]*")


def neutral(value: JsonValue) -> str:
    """A cell as no spreadsheet takes it for a formula (CWE-1236); numbers keep their signs."""
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def of_list(search: Callable[[sa.Connection, Window], Listing[Any]], row: Callable[[Any], Row]) -> Reads:
    def reads(connection: sa.Connection, place: Any) -> Part:
        offset = int(place or 0)
        found = search(connection, Window(_LIST_ROWS, offset)).rows
        return [row(each) for each in found], offset + _LIST_ROWS if len(found) == _LIST_ROWS else None

    return reads


def of_log(
    search: Callable[[sa.Connection, int, Cursor | None], Excerpt[Any]], row: Callable[[Any], Row]
) -> Reads:
    def reads(connection: sa.Connection, place: Any) -> Part:
        found = search(connection, _LOG_ROWS, place)
        return [row(each) for each in found.rows], found.next

    return reads


async def exported(visit: Visit, name: str, columns: Sequence[str], reads: Reads) -> Response:
    """``name``: of the file. Its form is the path's end: csv or json. The first part is read before anything is
    said, so that what fails at once is told as on any page."""
    form = visit.path["form"]
    if form not in _TYPES:
        raise NotFound("lists can be had as csv and json")
    writes = _csv_part if form == "csv" else _json_part

    def part(place: Any, *, is_first: bool) -> Callable[[sa.Connection], tuple[bytes, Any]]:
        def work(connection: sa.Connection) -> tuple[bytes, Any]:
            found, following = reads(connection, place)
            return writes(columns, found, is_first, following is None), following

        return work

    begun = await visit.read(part(None, is_first=True))

    async def body() -> AsyncIterator[bytes]:
        text, place = begun
        yield text
        while place is not None:
            reading = visit.rooms.office.read(part(place, is_first=False))
            text, place = await reading.asFuture(asyncio.get_running_loop())
            yield text
            await asyncio.sleep(_REST)

    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingResponse(body(), media_type=_TYPES[form], headers=headers)


def _csv_part(columns: Sequence[str], rows: Sequence[Row], is_first: bool, _is_last: bool) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    if is_first:
        writer.writerow(columns)
    writer.writerows([neutral(row.get(column)) for column in columns] for row in rows)
    return written.getvalue().encode("utf-8", "replace")


def _json_part(_columns: Sequence[str], rows: Sequence[Row], is_first: bool, is_last: bool) -> bytes:
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    before = "[\n" if is_first else ",\n" if rows else ""
    return f"{before}{lines}{chr(10) + ']' + chr(10) if is_last else ''}".encode("utf-8", "replace")
