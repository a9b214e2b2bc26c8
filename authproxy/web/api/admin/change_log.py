"""What administrators changed: in the old form of the log (version 1) and the new (version 2)."""

from __future__ import annotations

import json

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import audit_search
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.audit_search import AuditFilter, AuditRow
from authproxy.web.api.admin import log_words as words
from authproxy.web.api.admin.briefs import isotime
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.shapes import FREE, TEXT, WHOLE, many, maybe, record
from authproxy.web.api.admin.span import ITEMS_METADATA, MOST, NOWHERE, SPAN, metadata, since, span


def _changes(connection: sa.Connection, asked: Asked) -> JsonValue:
    wanted = AuditFilter(since=since(asked))
    found = audit_search.search_audit(connection, wanted, MOST, is_descending=False)
    return [
        {
            "timestamp": int(row.at),
            "isotimestamp": isotime(row.at),
            "username": words.actor_name(row.actor),
            "action": words.action(row.action),
            "object": row.object or None,
            "description": json.dumps(dict(row.detail)) if row.detail else None,
        }
        for row in found.rows
    ]


def _activity(connection: sa.Connection, asked: Asked) -> JsonValue:
    part = span(connection, asked, audit_search.place_of)
    wanted = AuditFilter(since=part.since, until=part.until)
    found = audit_search.search_audit(
        connection, wanted, part.limit, part.cursor, is_descending=part.is_descending
    )
    total = audit_search.count_audit(connection, wanted)
    return {"items": [_activity_of(row) for row in found.rows], "metadata": metadata(found.next, total)}


def _activity_of(row: AuditRow) -> JsonValue:
    kind, _, key = row.actor.partition(":")
    return {
        "access_device": {
            "browser": None,
            "browser_version": None,
            "ip": {"address": row.address},
            "location": {**NOWHERE},
            "os": None,
            "os_version": None,
        },
        "action": words.action(row.action),
        "activity_id": f"AU{row.id:018d}",
        "actor": {"details": None, "key": key, "name": words.actor_name(row.actor), "type": kind},
        "akey": "",
        "application": {"key": key if kind == "api" else None, "name": None, "type": None},
        "target": {
            "details": json.dumps(dict(row.detail)),
            "key": None,
            "name": row.object,
            "type": row.action.partition(" ")[0],
        },
        "ts": isotime(row.at),
    }


_CHANGE = record(
    timestamp=WHOLE, isotimestamp=TEXT, username=TEXT, action=TEXT, object=maybe(TEXT), description=maybe(TEXT)
)
_ACTIVITY = record(
    access_device=FREE,
    action=TEXT,
    activity_id=TEXT,
    actor=FREE,
    akey=TEXT,
    application=FREE,
    target=FREE,
    ts=TEXT,
)
_op = table((ApiPermission.READ_LOG,), (ApiPermission.READ_LOG,))
OPERATIONS = (
    _op("GET", "/v1/logs/administrator", _changes, "Changes since a time, the oldest first", "mintime:integer",
        many(_CHANGE)),
    _op("GET", "/v2/logs/activity", _activity, "Changes", SPAN,
        record(items=many(_ACTIVITY), metadata=ITEMS_METADATA)),
)  # fmt: skip
