"""Figures of the account."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import summary as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.summary import Attempts
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.others import EDITION
from authproxy.web.api.admin.shapes import TEXT, WHOLE, Schema, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, Refusal

_MONTH = 30 * 86_400
_LAST = 10**11


def _summary(connection: sa.Connection, asked: Asked) -> JsonValue:
    found = domain.summary(connection)
    return {
        "admin_count": found.administrators,
        "integration_count": found.applications,
        "user_count": found.users,
        "telephony_credits_remaining": int(found.credits or 0),
        "user_pending_deletion_count": found.trashed,
        "edition": EDITION,
    }


def _credits(connection: sa.Connection, asked: Asked) -> JsonValue:
    since, until = _span(asked)
    return {"telephony_credits_used": round(domain.credits_used(connection, since, until)), **_times(since, until)}


def _attempts(connection: sa.Connection, asked: Asked) -> JsonValue:
    since, until = _span(asked)
    return _told("authentication_attempts", asked.rooms.attempts.of(connection, since, until), since, until)


def _user_attempts(connection: sa.Connection, asked: Asked) -> JsonValue:
    since, until = _span(asked)
    found = domain.attempts(connection, since, until, of_users=True)
    return _told("user_authentication_attempts", found, since, until)


def _told(name: str, found: Attempts, since: float, until: float) -> JsonValue:
    """The figures stand there twice: clients look for them in either place."""
    figures: dict[str, JsonValue] = {
        "ERROR": found.error,
        "FAILURE": found.failure,
        "FRAUD": found.fraud,
        "SUCCESS": found.success,
    }
    return {name: dict(figures), **figures, **_times(since, until)}


def _span(asked: Asked) -> tuple[float, float]:
    """In epoch seconds. Raises Refusal."""
    given, now = asked.parameters, asked.rooms.now()
    until = given.integer("maxtime", 0, _LAST, int(now) + 1)
    since = given.integer("mintime", 0, _LAST, until - _MONTH)
    if since > until:
        raise Refusal(INVALID_PARAMETERS, "mintime")
    return float(since), float(until)


def _times(since: float, until: float) -> dict[str, JsonValue]:
    return {"mintime": int(since), "maxtime": int(until)}


def _figures(name: str) -> Schema:
    counts = dict.fromkeys(("ERROR", "FAILURE", "FRAUD", "SUCCESS"), WHOLE)
    return record(**{name: record(**counts)}, **counts, mintime=WHOLE, maxtime=WHOLE)


_SPAN = "mintime:integer maxtime:integer"
_op = table((ApiPermission.INFO,), (ApiPermission.INFO,))
OPERATIONS = (
    _op("GET", "/v1/info/summary", _summary, "How many there are",
        gives=record(admin_count=WHOLE, integration_count=WHOLE, user_count=WHOLE,
                     telephony_credits_remaining=WHOLE, user_pending_deletion_count=WHOLE, edition=TEXT)),
    _op("GET", "/v1/info/telephony_credits_used", _credits, "Credits used, by default in 30 days", _SPAN,
        record(telephony_credits_used=WHOLE, mintime=WHOLE, maxtime=WHOLE)),
    _op("GET", "/v1/info/authentication_attempts", _attempts, "Logins by how they ended", _SPAN,
        _figures("authentication_attempts")),
    _op("GET", "/v1/info/user_authentication_attempts", _user_attempts, "Users by how their logins ended", _SPAN,
        _figures("user_authentication_attempts")),
)  # fmt: skip
