"""What clients ask for and this service has none of: lists that are always empty."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.refusals import NotFound
from authproxy.web.api.admin.operation import Asked, Operation, Part, gone, table
from authproxy.web.api.admin.shapes import FREE, WHOLE, many, maybe, record

_NOUNS = ("u2ftokens", "desktoptokens", "desktop_authenticators", "endpoints", "registered_devices")


def _list(connection: sa.Connection, asked: Asked) -> Part:
    return asked.part((), lambda nothing: nothing)


def _none(connection: sa.Connection, asked: Asked) -> JsonValue:
    raise NotFound("there is no such thing")


def _no_rows(connection: sa.Connection, asked: Asked) -> JsonValue:
    return []


def _events(connection: sa.Connection, asked: Asked) -> JsonValue:
    return {"events": [], "metadata": {"next_offset": None, "total_objects": 0}}


def _of(noun: str) -> tuple[Operation, ...]:
    return (
        _op("GET", f"/v1/{noun}", _list, "Always empty", gives=many(FREE), is_list=True),
        _op("GET", f"/v1/{noun}/{{id}}", _none, "Never found", gives=FREE),
        _op("DELETE", f"/v1/{noun}/{{id}}", gone, "There is nothing to delete"),
    )


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
_admins = table((ApiPermission.ADMINS, ApiPermission.ADMINS_READ), (ApiPermission.ADMINS,))
_log = table((ApiPermission.READ_LOG,), (ApiPermission.READ_LOG,))
OPERATIONS = (
    *(operation for noun in _NOUNS for operation in _of(noun)),
    _admins("GET", "/v1/administrative_units", _list, "Always empty", "admin_id group_id integration_key",
            many(FREE), is_list=True),
    _log("GET", "/v1/logs/offline_enrollment", _no_rows, "Always empty", "mintime:integer", many(FREE)),
    _log("GET", "/v1/trust_monitor/events", _events, "Always empty", "mintime:integer maxtime:integer type",
         record(events=many(FREE), metadata=record(next_offset=maybe(WHOLE), total_objects=WHOLE))),
)  # fmt: skip
