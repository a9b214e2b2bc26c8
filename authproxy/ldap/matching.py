"""Which entries a filter matches (RFC 4511 4.5.1.7), for the small server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from authproxy.ldap import dn
from authproxy.ldap.dn import DnError
from authproxy.ldap.filters import (
    And,
    Approx,
    AtLeast,
    AtMost,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)

_NAMES = frozenset(("member", "uniquemember", "memberof", "manager", "distinguishedname", "entrydn", "seealso"))

Attributes = Mapping[str, Sequence[bytes]]


def matches(which: Filter, attributes: Attributes) -> bool | None:
    """None is LDAP's third truth, Undefined. Attribute names are in lower case. Values compare without case,
    those that are names as names."""
    match which:
        case And(parts):
            found = [matches(part, attributes) for part in parts]
            return False if False in found else (None if None in found else True)
        case Or(parts):
            found = [matches(part, attributes) for part in parts]
            return True if True in found else (None if None in found else False)
        case Not(part):
            truth = matches(part, attributes)
            return None if truth is None else not truth
        case Present(attribute):
            return attribute.lower() in attributes
        case Extensible():
            return None
        case Substrings():
            return any(_has_pieces(_text(value), which) for value in attributes.get(which.attribute.lower(), ()))
        case Equal(attribute, value) | Approx(attribute, value):
            kind = attribute.lower()
            wanted = _comparable(kind, value)
            return any(_comparable(kind, one) == wanted for one in attributes.get(kind, ()))
        case AtLeast(attribute, value):
            return any(_order(one) >= _order(value) for one in attributes.get(attribute.lower(), ()))
        case AtMost(attribute, value):
            return any(_order(one) <= _order(value) for one in attributes.get(attribute.lower(), ()))


def _text(value: bytes) -> str:
    return dn.fold(value.decode("utf-8", "surrogateescape"))


def _comparable(kind: str, value: bytes) -> object:
    if kind in _NAMES:
        try:
            return dn.key(value.decode("utf-8", "surrogateescape"))
        except DnError:
            pass
    return _text(value)


def _order(value: bytes) -> tuple[int, str]:
    """Numbers compare as numbers: a longer one is greater."""
    text = _text(value)
    return (len(text) if text.isdecimal() else 0, text)


def _has_pieces(text: str, which: Substrings) -> bool:
    initial, final = _text(which.initial), _text(which.final)
    if len(text) < len(initial) + len(final) or not (text.startswith(initial) and text.endswith(final)):
        return False
    at, end = len(initial), len(text) - len(final)
    for piece in map(_text, which.middle):
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
