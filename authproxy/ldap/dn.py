"""Distinguished names (RFC 4514): parse, compare, find out who is under whom."""

from __future__ import annotations

import re
from functools import lru_cache

from authproxy.errors import AuthproxyError

Rdn = tuple[tuple[str, str], ...]
Key = tuple[frozenset[tuple[str, str]], ...]

_HEX = frozenset("0123456789abcdefABCDEF")
_OIDS = {
    "2.5.4.3": "cn",
    "2.5.4.6": "c",
    "2.5.4.7": "l",
    "2.5.4.8": "st",
    "2.5.4.9": "street",
    "2.5.4.10": "o",
    "2.5.4.11": "ou",
    "0.9.2342.19200300.100.1.1": "uid",
    "0.9.2342.19200300.100.1.25": "dc",
}
_ESCAPES = {char: f"\\{char}" for char in '"+,;<>\\='} | {"\0": "\\00"}
_MAX_LENGTH = 8192
_PLAIN = re.compile(r'[^\\,;+"<>]*')  # nothing escaped, nothing to escape


class DnError(AuthproxyError):
    """The text is no distinguished name."""


@lru_cache(maxsize=64)  # a login's name is asked about again and again while it is decided
def parse(text: str) -> tuple[Rdn, ...]:
    """The RDNs, first the leftmost, as ``(type, value)`` pairs as written. Bytes that are no UTF-8
    are kept as surrogates. Raises DnError."""
    if len(text) > _MAX_LENGTH:
        raise DnError(f"a name of {len(text)} characters is too long")
    if not text.strip():
        return ()
    rdns: list[Rdn] = []
    pairs: list[tuple[str, str]] = []
    at = 0
    while True:
        kind, at = _type(text, at)
        value, at = _value(text, at)
        pairs.append((kind, value))
        if at == len(text) or text[at] != "+":
            rdns.append(tuple(pairs))
            pairs = []
        if at == len(text):
            return tuple(rdns)
        at += 1


def _type(text: str, at: int) -> tuple[str, int]:
    equals = text.find("=", at)
    kind = text[at:equals].strip() if equals >= 0 else ""
    if not kind or not kind.isascii() or not kind.replace("-", "").replace(".", "").isalnum():
        raise DnError(f"an attribute type and '=' belong at character {at + 1} of {text[:80]!r}")
    return kind, equals + 1


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at ``at``, and where its separator (or the end) is."""
    plain = _PLAIN.match(text, at)
    stop = plain.end() if plain else at
    if stop == len(text) or text[stop] in ",;+":
        return text[at:stop].strip(" "), stop
    while text[at : at + 1] == " ":
        at += 1
    octets = bytearray()
    kept = 0  # everything before this is not a trailing space
    while at < len(text) and text[at] not in ",;+":
        if text[at] == "\\":
            escaped, at = _escaped(text, at + 1)
            octets += escaped
            kept = len(octets)
            continue
        if text[at] in '"<>':
            raise DnError(f"{text[at]!r} must be escaped with a backslash (character {at + 1} of {text[:80]!r})")
        octets += text[at].encode("utf-8", "surrogateescape")
        if text[at] != " ":
            kept = len(octets)
        at += 1
    return bytes(octets[:kept]).decode("utf-8", "surrogateescape"), at


def _escaped(text: str, at: int) -> tuple[bytes, int]:
    pair = text[at : at + 2]
    if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
        return bytes.fromhex(pair), at + 2
    if pair[:1] and pair[0] in ' "#+,;<=>\\':
        return pair[0].encode(), at + 1
    raise DnError(f"a backslash at character {at} of {text[:80]!r} escapes nothing")


def key(text: str) -> Key:
    """What two spellings of one name have in common: types and values without case and superfluous spaces."""
    return key_of(parse(text))


@lru_cache(maxsize=64)
def key_of(rdns: tuple[Rdn, ...]) -> Key:
    """The same for what :func:`parse` gave."""
    return tuple([frozenset([(_folded_type(kind), fold(value)) for kind, value in rdn]) for rdn in rdns])


def _folded_type(kind: str) -> str:
    lower = kind.lower().removeprefix("oid.")
    return _OIDS.get(lower, lower)


def fold(value: str) -> str:
    """A value as directories compare it by default: without case, with runs of spaces as one. Letters that only
    some directories take for others (``ß`` for ``ss``) stay what they are."""
    folded = (value.lower() if value.isascii() else "".join(map(_lower, value))).strip(" ")
    while "  " in folded:
        folded = folded.replace("  ", " ")
    return folded


def _lower(char: str) -> str:
    lower = char.lower()
    return lower if lower.upper() == char else char


def is_same(one: str, other: str) -> bool:
    """Raises DnError."""
    return one == other or key(one) == key(other)


def is_within(name: Key, base: Key) -> bool:
    """Whether ``name`` is ``base`` or below it."""
    return len(name) >= len(base) and name[len(name) - len(base) :] == base


def escape(value: str) -> str:
    """A value as it's written in a name."""
    pieces = [_ESCAPES.get(char, char) for char in value]
    if value[:1] in ("#", " "):
        pieces[0] = "\\" + value[0]
    if len(value) > 1 and value[-1] == " ":
        pieces[-1] = "\\ "
    return "".join(pieces)


def domain(text: str) -> str | None:
    """``example.test`` of ``OU=Staff,DC=example,DC=test``; None without DC parts. Raises DnError."""
    parts = [value for rdn in parse(text) for kind, value in rdn if _folded_type(kind) == "dc"]
    return ".".join(parts) or None
