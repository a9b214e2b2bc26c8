"""What requests hold and answers are made of, as JSON Schema: for the API's description and its tests. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
FLAG: Final[Schema] = {"type": "boolean"}
NOTHING: Final[Schema] = {"type": "string", "const": ""}
ANYTHING: Final[Schema] = {}
FREE: Final[Schema] = {"type": "object", "additionalProperties": True}
_KINDS: Final = {
    "": TEXT,
    "integer": WHOLE,
    "boolean": FLAG,
    "list": {"type": "array", "items": TEXT},
    "object": FREE,
    "objects": {"type": "array", "items": FREE},
}


def maybe(schema: Schema) -> Schema:
    """Or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def record(**members: Schema) -> Schema:
    """An object that has exactly these."""
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """``schema`` is what it means: clients send numbers and truth as text too."""

    name: str
    schema: Schema
    is_required: bool


def parameters(written: str) -> tuple[Parameter, ...]:
    """``username! email count:integer``: names, their kinds, and ``!`` for what is required."""
    found = []
    for word in written.split():
        name, _, kind = word.removesuffix("!").partition(":")
        found.append(Parameter(name, _KINDS[kind], word.endswith("!")))
    return tuple(found)
