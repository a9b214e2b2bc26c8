"""Messages and calls: in the old form of the log (version 1) and the new (version 2)."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import telephony_search
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.telephony_search import TelephonyFilter
from authproxy.secondfactor.telephony_view import Entry
from authproxy.web.api.admin import log_words as words
from authproxy.web.api.admin.briefs import isotime
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.shapes import NUMBER, TEXT, WHOLE, many, record
from authproxy.web.api.admin.span import ITEMS_METADATA, MOST, SPAN, metadata, since, span


def _old_telephony(connection: sa.Connection, asked: Asked) -> JsonValue:
    wanted = TelephonyFilter(since=since(asked))
    found = telephony_search.search_telephony(connection, wanted, MOST, is_descending=False)
    return [{**_entry(row), "timestamp": int(row.at), "isotimestamp": isotime(row.at)} for row in found.rows]


def _telephony(connection: sa.Connection, asked: Asked) -> JsonValue:
    part = span(connection, asked, telephony_search.place_of, earliest=0)  # there are clients that send seconds
    wanted = TelephonyFilter(since=part.since, until=part.until)
    found = telephony_search.search_telephony(
        connection, wanted, part.limit, part.cursor, is_descending=part.is_descending
    )
    total = telephony_search.count_telephony(connection, wanted)
    items: list[JsonValue] = [
        {**_entry(row), "telephony_id": f"TE{row.id:018d}", "txid": row.login_id, "ts": isotime(row.at)}
        for row in found.rows
    ]
    return {"items": items, "metadata": metadata(found.next, total)}


def _entry(row: Entry) -> dict[str, JsonValue]:
    return {
        "context": words.PURPOSES.get(row.purpose, row.purpose),
        "type": words.KINDS[row.kind],
        "phone": row.number,
        "credits": row.cost,
    }


_ENTRY = {"context": TEXT, "type": TEXT, "phone": TEXT, "credits": NUMBER}
_op = table((ApiPermission.READ_LOG,), (ApiPermission.READ_LOG,))
OPERATIONS = (
    _op("GET", "/v1/logs/telephony", _old_telephony, "Messages and calls since a time, the oldest first",
        "mintime:integer", many(record(**_ENTRY, timestamp=WHOLE, isotimestamp=TEXT))),
    _op("GET", "/v2/logs/telephony", _telephony, "Messages and calls", SPAN,
        record(items=many(record(**_ENTRY, telephony_id=TEXT, txid=TEXT, ts=TEXT)), metadata=ITEMS_METADATA)),
)  # fmt: skip
