"""Search filters as values (RFC 4511 4.5.1.7). A value put into one is data and nothing else: there is
nothing to escape and nothing to inject into."""

from __future__ import annotations

from dataclasses import dataclass

from authproxy.ldap import ber
from authproxy.ldap.ber import BerError

_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_EQUAL, _SUBSTRINGS, _AT_LEAST, _AT_MOST = 0xA3, 0xA4, 0xA5, 0xA6
_PRESENT, _APPROX, _EXTENSIBLE = 0x87, 0xA8, 0xA9
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82
_RULE, _TYPE, _VALUE, _DN_ATTRIBUTES = 0x81, 0x82, 0x83, 0x84


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


@dataclass(frozen=True, slots=True)
class Equal:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class AtLeast:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class AtMost:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Approx:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Present:
    attribute: str


@dataclass(frozen=True, slots=True)
class Substrings:
    """``initial*middle*middle*final``; an empty ``initial`` or ``final`` is absent."""

    attribute: str
    initial: bytes
    middle: tuple[bytes, ...]
    final: bytes


@dataclass(frozen=True, slots=True)
class Extensible:
    """``attribute:dn:rule:=value``; ``attribute`` or ``rule`` may be empty, not both."""

    attribute: str
    rule: str
    value: bytes
    dn_attributes: bool = False


Filter = And | Or | Not | Equal | AtLeast | AtMost | Approx | Present | Substrings | Extensible
Assertion = Equal | AtLeast | AtMost | Approx

_ASSERTION_TAG: dict[type[Assertion], int] = {
    Equal: _EQUAL,
    AtLeast: _AT_LEAST,
    AtMost: _AT_MOST,
    Approx: _APPROX,
}
_ASSERTION: dict[int, type[Assertion]] = {tag: kind for kind, tag in _ASSERTION_TAG.items()}


# ---------------------------------------------------------------- writing


def encode(which: Filter) -> bytes:
    match which:
        case And(parts):
            return ber.tlv(_AND, b"".join(map(encode, parts)))
        case Or(parts):
            return ber.tlv(_OR, b"".join(map(encode, parts)))
        case Not(part):
            return ber.tlv(_NOT, encode(part))
        case Present(attribute):
            return ber.tlv(_PRESENT, attribute.encode())
        case Substrings():
            return _encode_substrings(which)
        case Extensible():
            return _encode_extensible(which)
        case Equal(attribute, value) | AtLeast(attribute, value) | AtMost(attribute, value):
            pass
        case Approx(attribute, value):
            pass
    pair = ber.tlv(ber.OCTETS, attribute.encode()) + ber.tlv(ber.OCTETS, value)
    return ber.tlv(_ASSERTION_TAG[type(which)], pair)


def _encode_substrings(which: Substrings) -> bytes:
    pieces = [ber.tlv(_INITIAL, which.initial)] if which.initial else []
    pieces += [ber.tlv(_ANY, piece) for piece in which.middle]
    pieces += [ber.tlv(_FINAL, which.final)] if which.final else []
    attribute = ber.tlv(ber.OCTETS, which.attribute.encode())
    return ber.tlv(_SUBSTRINGS, attribute + ber.tlv(ber.SEQUENCE, b"".join(pieces)))


def _encode_extensible(which: Extensible) -> bytes:
    rule = ber.tlv(_RULE, which.rule.encode()) if which.rule else b""
    attribute = ber.tlv(_TYPE, which.attribute.encode()) if which.attribute else b""
    dn = b"\x84\x01\xff" if which.dn_attributes else b""
    return ber.tlv(_EXTENSIBLE, rule + attribute + ber.tlv(_VALUE, which.value) + dn)


# ---------------------------------------------------------------- reading


def decode(data: bytes, at: int, end: int, depth: int = 1) -> tuple[Filter, int]:
    """The filter at ``at``, and where it ends. Raises BerError, also when it nests deeper than MAX_DEPTH."""
    if depth > ber.MAX_DEPTH:
        raise BerError(f"a filter is nested more than {ber.MAX_DEPTH} deep")
    tag, start, stop = ber.header(data, at, end)
    if tag in _ASSERTION:
        return _decode_assertion(_ASSERTION[tag], data, start, stop), stop
    match tag:
        case 0xA0:
            return And(_decode_parts(data, start, stop, depth)), stop
        case 0xA1:
            return Or(_decode_parts(data, start, stop, depth)), stop
        case 0xA2:
            part, after = decode(data, start, stop, depth + 1)
            if after != stop:
                raise BerError("a negation holds more than one filter")
            return Not(part), stop
        case 0x87:
            return Present(_attribute(data[start:stop])), stop
        case 0xA4:
            return _decode_substrings(data, start, stop), stop
        case 0xA9:
            return _decode_extensible(data, start, stop), stop
    raise BerError(f"0x{tag:02x} is no kind of filter")


def _attribute(name: bytes) -> str:
    if not name.isascii():
        raise BerError("an attribute's name is not ASCII")
    return name.decode("ascii")


def _decode_parts(data: bytes, at: int, end: int, depth: int) -> tuple[Filter, ...]:
    parts = []
    while at < end:
        part, at = decode(data, at, end, depth + 1)
        parts.append(part)
    return tuple(parts)


def _decode_assertion(kind: type[Assertion], data: bytes, at: int, end: int) -> Filter:
    name, name_end = ber.expect(data, at, end, ber.OCTETS)
    value, value_end = ber.expect(data, name_end, end, ber.OCTETS)
    if value_end != end:
        raise BerError("an assertion holds more than attribute and value")
    return kind(_attribute(data[name:name_end]), data[value:value_end])


def _decode_substrings(data: bytes, at: int, end: int) -> Filter:
    name, at = ber.expect(data, at, end, ber.OCTETS)
    attribute = _attribute(data[name:at])
    at, pieces_end = ber.expect(data, at, end, ber.SEQUENCE)
    if pieces_end != end or at == end:
        raise BerError("a substring filter has no pieces, or something behind them")
    initial, middle, final = b"", [], b""
    is_first = True
    while at < end:
        tag, start, stop = ber.header(data, at, end)
        if tag == _INITIAL and is_first:
            initial = data[start:stop]
        elif tag == _ANY:
            middle.append(data[start:stop])
        elif tag == _FINAL and stop == end:
            final = data[start:stop]
        else:
            raise BerError("the pieces of a substring filter are out of order")
        at, is_first = stop, False
    return Substrings(attribute, initial, tuple(middle), final)


def _decode_extensible(data: bytes, at: int, end: int) -> Filter:
    found: dict[int, tuple[int, int]] = {}
    last = 0
    while at < end:
        tag, start, stop = ber.header(data, at, end)
        if not last < tag <= _DN_ATTRIBUTES or tag < _RULE:
            raise BerError("the fields of an extensible filter are out of order")
        found[tag] = (start, stop)
        at, last = stop, tag
    if _VALUE not in found or not (_RULE in found or _TYPE in found):
        raise BerError("an extensible filter lacks its value, or both rule and attribute")
    rule = _attribute(data[slice(*found[_RULE])]) if _RULE in found else ""
    attribute = _attribute(data[slice(*found[_TYPE])]) if _TYPE in found else ""
    dn = _DN_ATTRIBUTES in found and ber.truth(data, *found[_DN_ATTRIBUTES])
    return Extensible(attribute, rule, data[slice(*found[_VALUE])], dn)
