"""What directories answer (RFC 4511 4.1.9, 4.5.2, 4.12): values, and both directions of their encoding.

The values are tuples rather than dataclasses: two or three are made in every login.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from authproxy.ldap import ber, messages
from authproxy.ldap.ber import BerError
from authproxy.ldap.messages import Envelope

_REFERRAL, _SASL_CREDENTIALS, _EXTENDED_NAME, _EXTENDED_VALUE = 0xA3, 0x87, 0x8A, 0x8B


class Code(IntEnum):
    """Result codes that mean something to us (RFC 4511 appendix A)."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    AUTH_METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTH_REQUIRED = 8
    REFERRAL = 10
    ADMIN_LIMIT_EXCEEDED = 11
    CONFIDENTIALITY_REQUIRED = 13
    SASL_BIND_IN_PROGRESS = 14
    CONSTRAINT_VIOLATION = 19
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    OTHER = 80


class Result(NamedTuple):
    """How an operation ended. ``message`` is the server's own words; ``name`` and ``value`` belong to an
    extended response, ``value`` also to a SASL bind; ``controls`` is as in ``Envelope``."""

    code: int
    matched_dn: bytes = b""
    message: str = ""
    name: bytes = b""
    value: bytes | None = None
    controls: bytes = b""

    def explain(self) -> str:
        """``invalidCredentials``-like text for the log: code, its name, the server's words."""
        name = Code(self.code).name.lower().replace("_", " ") if self.code in _CODES else "no name known"
        words = "".join(char if char.isprintable() else " " for char in self.message[:300]).strip()
        return f"result {self.code} ({name})" + (f": {words}" if words else "")


_CODES = frozenset(map(int, Code))


class Entry(NamedTuple):
    """An entry found. Attribute names are in lower case."""

    dn: bytes
    attributes: Mapping[bytes, Sequence[bytes]]


# ---------------------------------------------------------------- reading


def decode_result(envelope: Envelope) -> Result:
    """A bind response, search result or extended response. Raises BerError."""
    _id, tag, data, at, end, controls = envelope
    code_start, at = ber.expect(data, at, end, ber.ENUMERATED)
    code = ber.number(data, code_start, at)
    dn_start, dn_end = ber.expect(data, at, end, ber.OCTETS)
    text_start, at = ber.expect(data, dn_end, end, ber.OCTETS)
    message = data[text_start:at].decode("utf-8", "replace") if at > text_start else ""
    name, value = b"", None
    while at < end:
        field, start, at = ber.header(data, at, end)
        if field == _EXTENDED_NAME and tag == messages.EXTENDED_RESPONSE:
            name = data[start:at]
        elif (field == _EXTENDED_VALUE and tag == messages.EXTENDED_RESPONSE) or (
            field == _SASL_CREDENTIALS and tag == messages.BIND_RESPONSE
        ):
            value = data[start:at]
        elif field != _REFERRAL:  # referrals are not followed
            raise BerError(f"0x{field:02x} is no field of a result")
    return Result(code, data[dn_start:dn_end], message, name, value, controls)


def decode_entry(envelope: Envelope) -> Entry:
    """Raises BerError."""
    _id, _tag, data, at, end, _controls = envelope
    dn_start, dn_end = ber.expect(data, at, end, ber.OCTETS)
    at, list_end = ber.expect(data, dn_end, end, ber.SEQUENCE)
    if list_end != end:
        raise BerError("something follows an entry's attributes")
    attributes: dict[bytes, list[bytes]] = {}
    while at < end:
        at, stop = ber.expect(data, at, end, ber.SEQUENCE)
        start, at = ber.expect(data, at, stop, ber.OCTETS)
        name = data[start:at].lower()
        at, set_end = ber.expect(data, at, stop, ber.SET)
        if set_end != stop:
            raise BerError("something follows an attribute's values")
        values = attributes.setdefault(name, [])
        while at < stop:
            start, at = ber.expect(data, at, stop, ber.OCTETS)
            values.append(data[start:at])
    return Entry(data[dn_start:dn_end], attributes)


# ---------------------------------------------------------------- writing


def encode_result(tag: int, result: Result) -> bytes:
    """The operation, with the result's controls behind it, to be sealed into a message."""
    body = (
        ber.integer(result.code, ber.ENUMERATED)
        + ber.tlv(ber.OCTETS, result.matched_dn)
        + ber.tlv(ber.OCTETS, result.message.encode("utf-8", "replace"))
    )
    if tag == messages.EXTENDED_RESPONSE and result.name:
        body += ber.tlv(_EXTENDED_NAME, result.name)
    if result.value is not None:
        value_tag = _EXTENDED_VALUE if tag == messages.EXTENDED_RESPONSE else _SASL_CREDENTIALS
        body += ber.tlv(value_tag, result.value)
    return ber.tlv(tag, body) + result.controls


def encode_entry(dn: bytes, attributes: Mapping[bytes, Sequence[bytes]]) -> bytes:
    """The operation, to be sealed into a message."""
    partials = b"".join(
        ber.tlv(
            ber.SEQUENCE,
            ber.tlv(ber.OCTETS, name) + ber.tlv(ber.SET, b"".join(ber.tlv(ber.OCTETS, one) for one in values)),
        )
        for name, values in attributes.items()
    )
    return ber.tlv(messages.SEARCH_ENTRY, ber.tlv(ber.OCTETS, dn) + ber.tlv(ber.SEQUENCE, partials))
