"""Kinds of values that only ``[telephony]`` has: templates of requests, and what tells that they were taken."""

from __future__ import annotations

import math
import re
from typing import Final
from urllib.parse import urlsplit

from authproxy.config.options import BadValue, Kind, one_of

SMS_FIELDS: Final = frozenset(("number", "digits", "text", "from", "callback", "username", "password"))
CALL_FIELDS: Final = SMS_FIELDS | {"extension", "predelay", "postdelay", "confirm", "fraud"}
FIELD: Final = re.compile(r"\{([a-z_]+)\}")

_URL_TEXT = re.compile(r"[!-~]+\Z")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+:[ \t]*[^\x00-\x1f\x7f]+\Z")
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)\Z")


def amount(high: float) -> Kind:
    """Credits."""
    wanted = f"a number from 0 to {high:g}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise BadValue(wanted) from None
        if not math.isfinite(value) or not 0 <= value <= high:
            raise BadValue(wanted)
        return value

    return Kind(wanted, parse)


def template(known: frozenset[str]) -> Kind:
    """A text in which ``{number}`` and such are replaced; other braces stay."""
    wanted = f"text with {shown(known)}"

    def parse(text: str) -> str:
        _check_fields(text, known)
        return text

    return Kind(wanted, parse, free_text=True)


def url_template(known: frozenset[str]) -> Kind:
    """The fields may be in its path and query only: the gateway's host is the administrator's to choose."""
    wanted = "https:// or http:// with a host; fields in the path or query only"

    def parse(text: str) -> str:
        _check_fields(text, known)
        _check_url(text, wanted)
        return text

    return Kind(wanted, parse, free_text=True)


def shown(known: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(known))


def _check_fields(text: str, known: frozenset[str]) -> None:
    if any(name not in known for name in FIELD.findall(text)):
        raise BadValue(f"no other fields than {shown(known)}")


def _check_url(text: str, wanted: str) -> None:
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise BadValue(wanted) from None
    host = parts.hostname or ""
    is_sound = parts.scheme in ("https", "http") and host and has_port and "{" not in parts.netloc
    if not is_sound or "@" in parts.netloc or parts.fragment or not _URL_TEXT.match(text):
        raise BadValue(wanted)


def _gateway_base(text: str) -> str:
    _check_url(text, GATEWAY_BASE.wanted)
    parts = urlsplit(text)
    if parts.path.strip("/") or parts.query or "{" in text:
        raise BadValue(GATEWAY_BASE.wanted)
    return text.rstrip("/")


def _header(text: str) -> str:
    if not _HEADER.match(text):
        raise BadValue(HEADER.wanted)
    _check_fields(text, CALL_FIELDS)
    return text


def _statuses(text: str) -> tuple[range, ...]:
    parts = [part.strip().lower() for part in text.split(",") if part.strip()]
    if not parts or not all(_STATUS.match(part) for part in parts):
        raise BadValue(STATUSES.wanted)
    return tuple(_span(part) for part in parts)


def _span(part: str) -> range:
    first = int(part.replace("xx", "00"))
    return range(first, first + (100 if part.endswith("xx") else 1))


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise BadValue(EXPRESSION.wanted) from None
    return text


def _caller(text: str) -> str:
    digits = re.sub(r"[ ()./-]", "", text.removeprefix("+"))
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
        raise BadValue(CALLER.wanted)
    return f"+{digits}" if text.startswith("+") else digits


GATEWAY_BASE = Kind("https:// or http:// with a host and maybe a port", _gateway_base)
HEADER = Kind("a header such as Authorization: Bearer {password}", _header, free_text=True)
STATUSES = Kind("HTTP statuses such as 200,202 or 2xx", _statuses)
EXPRESSION = Kind("a regular expression", _expression, free_text=True)
CALLER = Kind("a phone number such as +15555550100", _caller, free_text=True)
KEY = one_of(*"0123456789*#")
