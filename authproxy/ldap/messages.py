"""The envelope of every LDAP message (RFC 4511 4.1.1) and its controls.

Controls stay opaque bytes: what is not understood is passed on as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from authproxy.ldap import ber
from authproxy.ldap.ber import BerError

BIND_REQUEST, BIND_RESPONSE, UNBIND_REQUEST = 0x60, 0x61, 0x42
SEARCH_REQUEST, SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE = 0x63, 0x64, 0x65, 0x73
ABANDON_REQUEST, EXTENDED_REQUEST, EXTENDED_RESPONSE, INTERMEDIATE_RESPONSE = 0x50, 0x77, 0x78, 0x79
CONTROLS = 0xA0

START_TLS = b"1.3.6.1.4.1.1466.20037"
WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"
NOTICE_OF_DISCONNECTION = b"1.3.6.1.4.1.1466.20036"

MAX_MESSAGE_ID = 2**31 - 1
_MAX_CONTROLS = 100


class Envelope(NamedTuple):
    """One message cut open: the operation's tag, and where its value is in ``frame``. ``controls`` is the
    whole ``[0] Controls`` element, or empty. (A tuple, not a dataclass: one is made for every message.)"""

    message_id: int
    tag: int
    frame: bytes
    start: int
    stop: int
    controls: bytes


def open_envelope(frame: bytes) -> Envelope:
    """Opens one whole message, as :class:`~authproxy.ldap.ber.Framer` yields it. Raises BerError."""
    end = len(frame)
    at, stop = ber.expect(frame, 0, end, ber.SEQUENCE)
    if stop != end:
        raise BerError("something follows the message")
    start, at = ber.expect(frame, at, end, ber.INTEGER)
    message_id = frame[start] if at - start == 1 and frame[start] < 128 else ber.number(frame, start, at)
    if not 0 <= message_id <= MAX_MESSAGE_ID:
        raise BerError(f"{message_id} is no message ID")
    tag, start, stop = ber.header(frame, at, end)
    controls = b""
    if stop != end:
        if ber.header(frame, stop, end)[2] != end or frame[stop] != CONTROLS:
            raise BerError("something other than controls follows the operation")
        controls = frame[stop:]
    return Envelope(message_id, tag, frame, start, stop, controls)


def seal(message_id: int, operation: bytes) -> bytes:
    """A message from an encoded operation (with its controls behind it, if any)."""
    if message_id < 128:
        return b"\x30" + ber.length(len(operation) + 3) + b"\x02\x01" + bytes((message_id,)) + operation
    number = ber.integer(message_id)
    return b"\x30" + ber.length(len(operation) + len(number)) + number + operation


class Control(NamedTuple):
    oid: bytes
    is_critical: bool
    value: bytes | None


def open_controls(controls: bytes) -> Iterator[Control]:
    """What is in :attr:`Envelope.controls`. Raises BerError."""
    if not controls:
        return
    at, end = ber.expect(controls, 0, len(controls), CONTROLS)
    for _ in range(_MAX_CONTROLS):
        if at == end:
            return
        start, stop = ber.expect(controls, at, end, ber.SEQUENCE)
        yield _open_control(controls, start, stop)
        at = stop
    raise BerError(f"more than {_MAX_CONTROLS} controls")


def _open_control(data: bytes, at: int, end: int) -> Control:
    start, at = ber.expect(data, at, end, ber.OCTETS)
    oid, is_critical, value = data[start:at], False, None
    if at < end and data[at] == ber.BOOLEAN:
        start, at = ber.expect(data, at, end, ber.BOOLEAN)
        is_critical = ber.truth(data, start, at)
    if at < end:
        start, at = ber.expect(data, at, end, ber.OCTETS)
        value = data[start:at]
    if at != end:
        raise BerError("a control holds more than OID, criticality and value")
    return Control(oid, is_critical, value)


def encode_controls(*controls: Control) -> bytes:
    """The ``[0] Controls`` element."""
    return ber.tlv(CONTROLS, b"".join(map(_encode_control, controls)))


def _encode_control(control: Control) -> bytes:
    value = b"" if control.value is None else ber.tlv(ber.OCTETS, control.value)
    criticality = ber.boolean(True) if control.is_critical else b""
    return ber.tlv(ber.SEQUENCE, ber.tlv(ber.OCTETS, control.oid) + criticality + value)
