"""Pushes that tell whether somebody is who they say."""

from __future__ import annotations

import json
import secrets

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.belongings import belongings
from authproxy.secondfactor.pushes import PushRequest, PushStatus, Target, TooMany, push_status
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.users import user_by_id
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.shapes import TEXT, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, TOO_MANY, Refusal

_CODE_DIGITS = 6
_ANSWERS = {
    PushStatus.PENDING: "waiting",
    PushStatus.APPROVED: "approve",
    PushStatus.FRAUD: "fraud",
}


def _prepare_push(connection: sa.Connection, asked: Asked) -> tuple[PushRequest, str]:
    user = user_by_id(connection, asked.ids["user_id"])
    wanted = asked.parameters.required("phone_id")
    theirs = belongings(connection, [user.id])[user.id].phones
    phone = next((each for each in theirs if each.id == wanted and each.app), None)
    if phone is None:
        raise Refusal(INVALID_PARAMETERS, "phone_id")
    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"
    detail = {"type": "Verification", "pushinfo": json.dumps({"Confirmation code": code})}
    target = Target(phone.id, phone.name or phone.platform, detail=detail)
    request = PushRequest(user.id, user.username, asked.app.name, "", "", f"VERIFY-{code}", target)
    asked.note(connection, "push verify", user.username, {"phone": phone.id})
    return request, code


async def _open_push(asked: Asked, prepared: tuple[PushRequest, str]) -> JsonValue:
    request, code = prepared
    opened = await asked.rooms.pushes.open(request)
    if isinstance(opened, TooMany):
        raise Refusal(TOO_MANY)
    return {"push_id": opened.id, "confirmation_code": code}


def _push_answer(connection: sa.Connection, asked: Asked) -> JsonValue:
    push_id = asked.parameters.required("push_id")
    status = push_status(connection, push_id, asked.ids["user_id"], asked.rooms.now())
    if status is None:
        raise NotFound(f"there is no push {push_id!r} of this user")
    return {"push_id": push_id, "result": _ANSWERS.get(status, "deny")}


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("POST", "/v1/users/{user_id}/send_verification_push", _prepare_push,
        "Ask a phone whether it is really them",
        "phone_id!", record(push_id=TEXT, confirmation_code=TEXT), then=_open_push),
    _op("GET", "/v1/users/{user_id}/verification_push_response", _push_answer,
        "What came of it: approve, deny, fraud or waiting", "push_id!", record(push_id=TEXT, result=TEXT)),
)  # fmt: skip
