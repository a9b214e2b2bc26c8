"""The Admin API described in OpenAPI 3.1, made from the table of its operations.

``python -m authproxy.web.api.admin.openapi`` writes it to ``docs/admin-api.json``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from authproxy.web.api.admin.administrators import ADMIN
from authproxy.web.api.admin.briefs import (
    GROUP,
    PHONE,
    PHONE_BRIEF,
    TOKEN,
    TOKEN_BRIEF,
    USER,
    USER_BRIEF,
    WEBAUTHN_BRIEF,
)
from authproxy.web.api.admin.bypass_codes import CODE
from authproxy.web.api.admin.integrations import INTEGRATION
from authproxy.web.api.admin.operation import Operation
from authproxy.web.api.admin.operations import OPERATIONS
from authproxy.web.api.admin.policies import POLICY
from authproxy.web.api.admin.settings import ACCOUNT
from authproxy.web.api.admin.shapes import TEXT, WHOLE, Parameter, Schema, record
from authproxy.web.api.admin.webauthn import KEY

FILE: Final = Path("docs/admin-api.json")
_NAMED: Final[Mapping[str, Schema]] = {
    "User": USER,
    "UserBrief": USER_BRIEF,
    "Group": GROUP,
    "Phone": PHONE,
    "PhoneBrief": PHONE_BRIEF,
    "Token": TOKEN,
    "TokenBrief": TOKEN_BRIEF,
    "SecurityKey": KEY,
    "SecurityKeyBrief": WEBAUTHN_BRIEF,
    "BypassCode": CODE,
    "Integration": INTEGRATION,
    "Administrator": ADMIN,
    "Settings": ACCOUNT,
    "Policy": POLICY,
}
_NAMES: Final = {id(schema): name for name, schema in _NAMED.items()}
_IDS: Final = re.compile(r"\{(\w+)\}")
_BODY: Final = ("POST", "PUT")
_METADATA: Final[Schema] = {
    **record(total_objects=WHOLE, next_offset=WHOLE, prev_offset=WHOLE),
    "required": ["total_objects"],
}
_ABOUT: Final = (
    "Requests are signed as Duo's Admin API has it: HMAC with the application's secret key, versions 2, 4 or 5. "
    "`x-permissions` names what an application needs, any one of them."
)


def describe() -> dict[str, Any]:
    """The whole document. It is the same each time."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "authproxy Admin API", "version": "1", "description": _ABOUT},
        "security": [{"signature": []}],
        "tags": [{"name": noun} for noun in dict.fromkeys(operation.noun for operation in OPERATIONS)],
        "paths": paths,
        "components": {
            "securitySchemes": {"signature": {"type": "http", "scheme": "basic", "description": _ABOUT}},
            "schemas": {"Failure": _failure(), **{name: _inside(schema) for name, schema in _NAMED.items()}},
            "responses": {
                "Failure": _answer("It was refused: the code begins with the HTTP status", _failure_ref())
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": _name(operation),
        "summary": operation.about,
        "tags": [operation.noun],
        "x-permissions": [str(permission) for permission in operation.permissions],
        "responses": {"200": _success(operation), "default": {"$ref": "#/components/responses/Failure"}},
    }
    placed = [_in_path(name) for name in _IDS.findall(operation.path)]
    if operation.method in _BODY:
        said["requestBody"] = _body(operation.takes)
    else:
        placed += [_in_query(parameter) for parameter in operation.takes]
    return {**said, "parameters": placed} if placed else said


def _name(operation: Operation) -> str:
    words = [operation.method.lower(), *operation.path.removeprefix("/admin/").split("/")]
    return "_".join(re.sub(r"\W", "", word) for word in words)


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _in_query(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "schema": parameter.schema,
    }


def _body(takes: tuple[Parameter, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {each.name: each.schema for each in takes}}
    needed = [each.name for each in takes if each.is_required]
    if needed:
        schema["required"] = needed
    forms = ("application/json", "application/x-www-form-urlencoded")
    return {"content": {form: {"schema": schema} for form in forms}, "required": bool(needed)}


def _success(operation: Operation) -> dict[str, Any]:
    if operation.gives.get("format") == "binary":
        return {"description": "A picture", "content": {"image/png": {"schema": operation.gives}}}
    return _answer("It was done", envelope_of(operation))


def envelope_of(operation: Operation) -> Schema:
    """The schema of a whole answer."""
    members: dict[str, Schema] = {"stat": {"const": "OK"}, "response": operation.gives}
    return record(**members, metadata=_METADATA) if operation.is_list else record(**members)


def _answer(about: str, schema: Schema) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": _referred(schema)}}}


def _referred(schema: Any) -> Any:
    """With the names of what has one."""
    name = _NAMES.get(id(schema))
    return {"$ref": f"#/components/schemas/{name}"} if name else _inside(schema)


def _inside(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: _referred(value) for key, value in schema.items()}
    return [_referred(each) for each in schema] if isinstance(schema, list) else schema


def _failure() -> Schema:
    failure = record(stat={"const": "FAIL"}, code=WHOLE, message=TEXT, message_detail=TEXT)
    return {**failure, "required": ["stat", "code", "message"]}


def _failure_ref() -> Schema:
    return {"$ref": "#/components/schemas/Failure"}


def text() -> str:
    return json.dumps(describe(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE}\n")
