"""As much of JSON Schema as the description of the Admin API uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

KEYWORDS = {
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "const", "format", "$ref",
}  # fmt: skip
_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def flaws(value: Any, schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """What a value has that its schema does not allow, one line each."""
    if unknown := set(schema) - KEYWORDS:
        yield f"{where}: the schema says {unknown}"
    if "anyOf" in schema:
        ways = [list(flaws(value, each, where)) for each in schema["anyOf"]]
        if all(ways):
            yield f"{where}: {value!r} is nothing that may be: {ways}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if "type" in schema:
        wanted = _TYPES[schema["type"]]
        is_odd_bool = isinstance(value, bool) and schema["type"] in ("integer", "number")
        if not isinstance(value, wanted) or is_odd_bool:
            yield f"{where}: {value!r} is no {schema['type']}"
            return
    if isinstance(value, dict):
        yield from _flaws_of_object(value, schema, where)
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            yield from flaws(each, schema["items"], f"{where}[{number}]")


def _flaws_of_object(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{where}: {name} is missing"
    for name, each in value.items():
        if name in known:
            yield from flaws(each, known[name], f"{where}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{where}: {name} is not described"
