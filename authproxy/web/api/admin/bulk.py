"""Many changes in one request, done one after the other. Each has an answer of its own: one that is refused undoes
none of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from starlette.exceptions import HTTPException

from authproxy.model import JsonValue
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.refusals import NotDone
from authproxy.web.api import envelope
from authproxy.web.api.admin.operation import Asked, Operation, refusal_of, table
from authproxy.web.api.admin.routing import find_among
from authproxy.web.api.admin.shapes import FREE, many
from authproxy.web.api.envelope import Refusal
from authproxy.web.api.parameters import Parameters

_MOST = 50


def bulk_of(operations: Sequence[Operation]) -> Operation:
    """One that does any of ``operations`` but those that read, and those that go on when they are committed."""
    single = [each for each in operations if each.method != "GET" and each.then is None]

    def answer(connection: sa.Connection, asked: Asked) -> JsonValue:
        steps = asked.parameters.records("operations", _MOST)
        return [_answered(connection, asked, step, single) for step in steps]

    return _op(
        "POST", "/v1/bulk", answer, f"Do up to {_MOST} changes, each with method, path and body",
        "operations:objects!", many(FREE),
    )  # fmt: skip


def _answered(
    connection: sa.Connection, asked: Asked, step: Mapping[str, JsonValue], single: Sequence[Operation]
) -> JsonValue:
    """As the one request would have been."""
    try:
        with connection.begin_nested():
            return envelope.ok(_done(connection, asked, Parameters(step), single))
    except Refusal as refusal:
        return envelope.fail(refusal.problem, refusal.detail)
    except NotDone as error:
        told = refusal_of(error)
        return envelope.fail(told.problem, told.detail)
    except HTTPException:
        return envelope.fail(envelope.NOT_FOUND, "This can't be done in bulk.")


def _done(connection: sa.Connection, asked: Asked, step: Parameters, single: Sequence[Operation]) -> JsonValue:
    operation, ids = find_among(single, step.required("method").upper(), step.required("path"))
    operation.check(asked)
    made: JsonValue = operation.answer(connection, replace(asked.with_parameters(step.mapping("body")), ids=ids))
    return made


_op = table((ApiPermission.WRITE_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
