"""BSON as old clients of ``/rest/v1`` want it (bsonspec.org 1.1): documents of strings, numbers, truth and null.

Only what this API says is written and read; a reader is here for clients of our own and for the tests. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from authproxy.model import JsonValue

_DOUBLE, _STRING, _DOCUMENT, _BOOLEAN, _NULL, _INT32, _INT64 = 0x01, 0x02, 0x03, 0x08, 0x0A, 0x10, 0x12
_LARGEST = 1 << 20
_DEEPEST = 16


class BadBson(ValueError):
    """Not a document, or with what this module doesn't know."""


def encode(document: Mapping[str, JsonValue]) -> bytes:
    """Raises ValueError for a name with NUL, a list, or a number that needs more than 64 bits."""
    elements = b"".join(_element(name, value) for name, value in document.items())
    return struct.pack("<i", len(elements) + 5) + elements + b"\x00"


def _element(name: str, value: JsonValue) -> bytes:
    key = name.encode("utf-8")
    if b"\x00" in key:
        raise ValueError("a name with NUL")
    kind, content = _value(value)
    return bytes((kind,)) + key + b"\x00" + content


def _value(value: JsonValue) -> tuple[int, bytes]:
    match value:
        case None:
            return _NULL, b""
        case bool():
            return _BOOLEAN, bytes((value,))
        case int() if -(1 << 31) <= value < 1 << 31:
            return _INT32, struct.pack("<i", value)
        case int() if -(1 << 63) <= value < 1 << 63:
            return _INT64, struct.pack("<q", value)
        case float():
            return _DOUBLE, struct.pack("<d", value)
        case str():
            text = value.encode("utf-8")
            return _STRING, struct.pack("<i", len(text) + 1) + text + b"\x00"
        case dict():
            return _DOCUMENT, encode(value)
    raise ValueError(f"no BSON for {type(value).__name__}")


def decode(data: bytes) -> dict[str, JsonValue]:
    """One document and nothing behind it. Raises BadBson."""
    if len(data) > _LARGEST:
        raise BadBson("too large")
    document, end = _read_document(data, 0, 0)
    if end != len(data):
        raise BadBson("more behind the document")
    return document


def _read_document(data: bytes, start: int, depth: int) -> tuple[dict[str, JsonValue], int]:
    (size,) = _unpack("<i", data, start)
    end = start + size
    if depth > _DEEPEST or size < 5 or end > len(data) or data[end - 1]:
        raise BadBson("a document's size is wrong")
    document: dict[str, JsonValue] = {}
    inner, at = data[: end - 1], start + 4
    while at < end - 1:
        kind = data[at]
        name_end = inner.find(b"\x00", at + 1)
        if name_end < 0:
            raise BadBson("a name without end")
        name = _text(data[at + 1 : name_end])
        if name in document:
            raise BadBson("a name comes twice")
        document[name], at = _read_value(kind, inner, name_end + 1, depth)
    if at != end - 1:
        raise BadBson("an element runs past its document")
    return document, end


def _read_value(kind: int, data: bytes, at: int, depth: int) -> tuple[JsonValue, int]:
    """The value at ``at`` and where it ends."""
    if kind == _NULL:
        return None, at
    if kind == _BOOLEAN:
        (truth,) = _unpack("<B", data, at)
        if truth > 1:
            raise BadBson("a boolean that is neither 0 nor 1")
        return bool(truth), at + 1
    if kind == _DOCUMENT:
        return _read_document(data, at, depth + 1)
    if kind == _STRING:
        (size,) = _unpack("<i", data, at)
        end = at + 4 + size
        if size < 1 or end > len(data) or data[end - 1]:
            raise BadBson("a string's size is wrong")
        return _text(data[at + 4 : end - 1]), end
    form = {_DOUBLE: "<d", _INT32: "<i", _INT64: "<q"}.get(kind)
    if form is None:
        raise BadBson(f"type {kind:#04x} is not known")
    (number,) = _unpack(form, data, at)
    return number, at + struct.calcsize(form)


def _unpack(form: str, data: bytes, at: int) -> tuple[int]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error:
        raise BadBson("cut off") from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadBson("text that is not UTF-8") from None
