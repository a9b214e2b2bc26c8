"""What clients ask (RFC 4511 4.2 to 4.12): values, and both directions of their encoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from authproxy.ldap import ber, filters, messages
from authproxy.ldap.ber import BerError
from authproxy.ldap.filters import Filter
from authproxy.ldap.messages import Envelope

_SIMPLE, _SASL = 0x80, 0xA3
_EXTENDED_NAME, _EXTENDED_VALUE = 0x80, 0x81
_MAX_ATTRIBUTES = 1000


class Scope(IntEnum):
    BASE = 0
    ONE = 1
    SUBTREE = 2


@dataclass(frozen=True, slots=True)
class SimpleBind:
    name: bytes
    password: bytes = field(repr=False)
    version: int = 3


@dataclass(frozen=True, slots=True)
class SaslBind:
    name: bytes
    mechanism: bytes
    credentials: bytes | None = field(repr=False)
    version: int = 3


@dataclass(frozen=True, slots=True)
class Unbind:
    pass


@dataclass(frozen=True, slots=True)
class Search:
    """Limits are entries and seconds; 0 is the server's own."""

    base: bytes
    scope: Scope
    which: Filter
    attributes: tuple[bytes, ...] = ()
    size_limit: int = 0
    time_limit: int = 0
    types_only: bool = False
    dereference: int = 0


@dataclass(frozen=True, slots=True)
class Abandon:
    message_id: int


@dataclass(frozen=True, slots=True)
class Extended:
    name: bytes
    value: bytes | None = field(default=None, repr=False)


Request = SimpleBind | SaslBind | Unbind | Search | Abandon | Extended


# ---------------------------------------------------------------- writing


def encode(request: Request) -> bytes:
    """The operation, to be sealed into a message."""
    match request:
        case SimpleBind(name, password, version):
            return ber.tlv(messages.BIND_REQUEST, _bind_head(name, version) + ber.tlv(_SIMPLE, password))
        case SaslBind(name, mechanism, credentials, version):
            sasl = ber.tlv(ber.OCTETS, mechanism) + _optional(ber.OCTETS, credentials)
            return ber.tlv(messages.BIND_REQUEST, _bind_head(name, version) + ber.tlv(_SASL, sasl))
        case Unbind():
            return b"\x42\x00"
        case Search():
            return ber.tlv(messages.SEARCH_REQUEST, _encode_search(request))
        case Abandon(message_id):
            return ber.integer(message_id, messages.ABANDON_REQUEST)
        case Extended(name, value):
            body = ber.tlv(_EXTENDED_NAME, name) + _optional(_EXTENDED_VALUE, value)
            return ber.tlv(messages.EXTENDED_REQUEST, body)


def _optional(tag: int, value: bytes | None) -> bytes:
    return b"" if value is None else ber.tlv(tag, value)


def _bind_head(name: bytes, version: int) -> bytes:
    return ber.integer(version) + ber.tlv(ber.OCTETS, name)


def _encode_search(search: Search) -> bytes:
    return search_head(search) + filters.encode(search.which) + attribute_list(search.attributes)


def search_head(search: Search) -> bytes:
    """Everything of a search before its filter."""
    return b"".join((
        ber.tlv(ber.OCTETS, search.base),
        ber.integer(search.scope, ber.ENUMERATED),
        ber.integer(search.dereference, ber.ENUMERATED),
        ber.integer(search.size_limit),
        ber.integer(search.time_limit),
        ber.boolean(search.types_only),
    ))  # fmt: skip


def attribute_list(attributes: tuple[bytes, ...]) -> bytes:
    """Everything of a search behind its filter."""
    return ber.tlv(ber.SEQUENCE, b"".join(ber.tlv(ber.OCTETS, name) for name in attributes))


# ---------------------------------------------------------------- reading


def decode(envelope: Envelope) -> Request | None:
    """The request in a message; None for an operation that is none of ours. Raises BerError."""
    data, start, stop = envelope.frame, envelope.start, envelope.stop
    match envelope.tag:
        case messages.BIND_REQUEST:
            return _decode_bind(data, start, stop)
        case messages.SEARCH_REQUEST:
            return _decode_search(data, start, stop)
        case messages.UNBIND_REQUEST:
            return Unbind()
        case messages.ABANDON_REQUEST:
            return Abandon(ber.number(data, start, stop))
        case messages.EXTENDED_REQUEST:
            return _decode_extended(data, start, stop)
    return None


def _decode_bind(data: bytes, at: int, end: int) -> Request:
    start, at = ber.expect(data, at, end, ber.INTEGER)
    version = ber.number(data, start, at)
    start, at = ber.expect(data, at, end, ber.OCTETS)
    name = data[start:at]
    tag, start, stop = ber.header(data, at, end)
    if stop != end:
        raise BerError("something follows a bind's credentials")
    if tag == _SIMPLE:
        return SimpleBind(name, data[start:stop], version)
    if tag != _SASL:
        raise BerError(f"0x{tag:02x} is no way to bind")
    mechanism, at = ber.expect(data, start, stop, ber.OCTETS)
    if at == stop:
        return SaslBind(name, data[mechanism:at], None, version)
    start, last = ber.expect(data, at, stop, ber.OCTETS)
    if last != stop:
        raise BerError("something follows a bind's credentials")
    return SaslBind(name, data[mechanism:at], data[start:stop], version)


def _decode_search(data: bytes, at: int, end: int) -> Search:
    start, at = ber.expect(data, at, end, ber.OCTETS)
    base = data[start:at]
    numbers = []
    for tag in (ber.ENUMERATED, ber.ENUMERATED, ber.INTEGER, ber.INTEGER):
        start, at = ber.expect(data, at, end, tag)
        numbers.append(ber.number(data, start, at))
    scope, dereference, size_limit, time_limit = numbers
    if not 0 <= scope <= 2 or not 0 <= dereference <= 3 or min(size_limit, time_limit) < 0:
        raise BerError("a search has a scope, dereferencing or limit that does not exist")
    start, at = ber.expect(data, at, end, ber.BOOLEAN)
    types_only = ber.truth(data, start, at)
    which, at = filters.decode(data, at, end)
    start, at = ber.expect(data, at, end, ber.SEQUENCE)
    if at != end:
        raise BerError("something follows a search's attributes")
    attributes = _decode_attributes(data, start, at)
    return Search(base, Scope(scope), which, attributes, size_limit, time_limit, types_only, dereference)


def _decode_attributes(data: bytes, at: int, end: int) -> tuple[bytes, ...]:
    names: list[bytes] = []
    while at < end:
        start, at = ber.expect(data, at, end, ber.OCTETS)
        names.append(data[start:at])
        if len(names) > _MAX_ATTRIBUTES:
            raise BerError(f"a search asks for more than {_MAX_ATTRIBUTES} attributes")
    return tuple(names)


def _decode_extended(data: bytes, at: int, end: int) -> Extended:
    start, at = ber.expect(data, at, end, _EXTENDED_NAME)
    name, value = data[start:at], None
    if at < end:
        start, at = ber.expect(data, at, end, _EXTENDED_VALUE)
        value = data[start:at]
    if at != end:
        raise BerError("something follows an extended request's value")
    return Extended(name, value)
