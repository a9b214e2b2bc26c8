"""Texts with ``{fields}``, filled in as the place wants it: no value can end what it stands in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

_FIELD = re.compile(r"\{([a-z_]+)\}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def fill(template: str, values: Mapping[str, str], escaped: Callable[[str], str]) -> str:
    """In one pass: a value that looks like a field stays as it is. What is no known field stays, too."""
    return _FIELD.sub(
        lambda found: escaped(values[found[1]]) if found[1] in values else found[0],
        template,
    )


def fields_of(*templates: str) -> frozenset[str]:
    return frozenset(name for template in templates for name in _FIELD.findall(template))


def for_url(value: str) -> str:
    """Also of a form, where ``%20`` is as good as ``+``."""
    return quote(value, safe="")


def for_json(value: str) -> str:
    """Within the quotes of a JSON string."""
    return json.dumps(value)[1:-1]


def for_xml(value: str) -> str:
    """In a text or an attribute's value; what XML can't hold is left out."""
    return escape(_NOT_XML.sub("", value), {'"': "&quot;", "'": "&apos;"})


def for_header(value: str) -> str:
    """On one line."""
    return _CONTROLS.sub(" ", value)


def as_it_is(value: str) -> str:
    return value


FOR_BODY: Final = {"form": for_url, "json": for_json, "xml": for_xml, "text": as_it_is}
CONTENT_TYPES: Final = {
    "form": "application/x-www-form-urlencoded",
    "json": "application/json",
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}
