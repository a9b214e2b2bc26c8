"""What clients ask for and this service has none of: lists that are always empty, and what is refused by name."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import summary
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.users import user_by_id
from authproxy.web.api.admin.operation import Asked, Operation, Part, Work, gone, table
from authproxy.web.api.admin.shapes import FREE, TEXT, WHOLE, many, maybe, record
from authproxy.web.api.envelope import FORBIDDEN, Refusal

EDITION = "authproxy"
_NOUNS = ("u2ftokens", "desktoptokens", "desktop_authenticators", "endpoints", "registered_devices")
_OFF = "disabled"


def _list(connection: sa.Connection, asked: Asked) -> Part:
    return asked.part((), lambda nothing: nothing)


def _none(connection: sa.Connection, asked: Asked) -> JsonValue:
    raise NotFound("there is no such thing")


def _no_rows(connection: sa.Connection, asked: Asked) -> JsonValue:
    return []


def _events(connection: sa.Connection, asked: Asked) -> JsonValue:
    return {"events": [], "metadata": {"next_offset": None, "total_objects": 0}}


def _refuse(why: str) -> Work:
    def answer(connection: sa.Connection, asked: Asked) -> JsonValue:
        raise Refusal(FORBIDDEN, why)

    return answer


def _passport(connection: sa.Connection, asked: Asked) -> JsonValue:
    return {"enabled_status": _OFF, "enabled_groups": [], "disabled_groups": []}


def _change_passport(connection: sa.Connection, asked: Asked) -> JsonValue:
    if asked.parameters.required("enabled_status") != _OFF:
        raise Refusal(FORBIDDEN, "There is no passport here: it stays disabled.")
    return _passport(connection, asked)


def _identity(connection: sa.Connection, asked: Asked) -> JsonValue:
    """Raises NotFound, or Refusal for a user who is there."""
    user_by_id(connection, asked.ids["user_id"])
    raise Refusal(FORBIDDEN, "Nobody's identity is verified here; send_verification_push asks a phone.")


def _edition(connection: sa.Connection, asked: Asked) -> JsonValue:
    return {"edition": EDITION}


def _credits(connection: sa.Connection, asked: Asked) -> JsonValue:
    return {"credits": int(summary.summary(connection).credits or 0)}


def _of(noun: str) -> tuple[Operation, ...]:
    return (
        _op("GET", f"/v1/{noun}", _list, "Always empty", gives=many(FREE), is_list=True),
        _op("GET", f"/v1/{noun}/{{id}}", _none, "Never found", gives=FREE),
        _op("DELETE", f"/v1/{noun}/{{id}}", gone, "There is nothing to delete"),
    )


_NO_DESKTOP = _refuse("There are no desktop tokens here.")
_NO_BILLING = _refuse("Nothing is billed here; credits are entered in the Admin Panel or by `authproxy credits`.")
_PASSPORT = record(enabled_status=TEXT, enabled_groups=many(FREE), disabled_groups=many(FREE))
_IDENTITY = "/v2/identity_verification/{user_id}"
_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
_admins = table((ApiPermission.ADMINS, ApiPermission.ADMINS_READ), (ApiPermission.ADMINS,))
_log = table((ApiPermission.READ_LOG,), (ApiPermission.READ_LOG,))
_account = table((ApiPermission.INFO, ApiPermission.SETTINGS), (ApiPermission.SETTINGS,))
_settings = table((ApiPermission.SETTINGS,), (ApiPermission.SETTINGS,))
OPERATIONS = (
    *(operation for noun in _NOUNS for operation in _of(noun)),
    _op("POST", "/v1/desktoptokens", _NO_DESKTOP, "Refused: there are none", "platform name"),
    _op("POST", "/v1/desktoptokens/{id}", _none, "Never found", "platform name"),
    _op("POST", "/v1/desktoptokens/{id}/activate", _none, "Never found", "valid_secs:integer"),
    _admins("GET", "/v1/administrative_units", _list, "Always empty", "admin_id group_id integration_key",
            many(FREE), is_list=True),
    _log("GET", "/v1/logs/offline_enrollment", _no_rows, "Always empty", "mintime:integer", many(FREE)),
    _log("GET", "/v1/trust_monitor/events", _events, "Always empty", "mintime:integer maxtime:integer type",
         record(events=many(FREE), metadata=record(next_offset=maybe(WHOLE), total_objects=WHOLE))),
    _settings("GET", "/v2/passport/config", _passport, "It is disabled", gives=_PASSPORT),
    _settings("POST", "/v2/passport/config", _change_passport, "Refused, unless it stays disabled",
              "enabled_status! enabled_groups:list disabled_groups:list custom_supported_browsers:object",
              _PASSPORT),
    _op("POST", f"{_IDENTITY}/start", _identity, "Refused: nobody's identity is verified here"),
    _op("POST", f"{_IDENTITY}/cancel", _identity, "Refused: nobody's identity is verified here", "inquiry_id"),
    _op("GET", f"{_IDENTITY}/status", _identity, "Refused: nobody's identity is verified here", gives=FREE),
    _account("GET", "/v1/billing/edition", _edition, "There is but one", gives=record(edition=TEXT)),
    _account("POST", "/v1/billing/edition", _NO_BILLING, "Refused: nothing is billed here", "edition"),
    _account("GET", "/v1/billing/telephony_credits", _credits, "Credits that are left",
             gives=record(credits=WHOLE)),
    _account("POST", "/v1/billing/telephony_credits", _NO_BILLING, "Refused: credits are entered in the panel",
             "credits:integer"),
)  # fmt: skip
