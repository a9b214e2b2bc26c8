"""As much of EAP as a relay has to know: who answers what, by which type of method, and how to say no. Pure.

Sources: RFC 3748 4 and 5, RFC 3579 3.1 (a packet longer than 253 octets is spread over several EAP-Messages).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from authproxy.radius.packet import EAP_MESSAGE, attribute
from authproxy.value import value

_RESPONSE, _FAILURE = 2, 4
_IDENTITY = 1
_NO_METHOD: Final = frozenset((1, 2, 3))  # Identity, Notification, Nak
_MSCHAPV2: Final = 26
_MSCHAPV2_RESPONSE = 2
_MSCHAPV2_NAME_AT = 5 + 49  # after op-code, ID, length and value size; and the value
# The server checks the password of the very name that the client gives at the outset: MD5, OTP, GTC, MSCHAPv2.
PLAIN_TYPES: Final = frozenset((4, 5, 6, _MSCHAPV2))
_NAMES: Final = {
    4: "MD5",
    5: "OTP",
    6: "GTC",
    13: "TLS",
    17: "LEAP",
    18: "SIM",
    21: "TTLS",
    23: "AKA",
    25: "PEAP",
    26: "MSCHAPv2",
    43: "FAST",
    47: "PSK",
    50: "AKA'",
    52: "PWD",
    55: "TEAP",
    254: "expanded",
}


@value
class EapResponse:
    """What the client says. ``method`` is the type of a method, None for Identity, Notification and Nak.
    ``name`` is the one inside an Identity or an EAP-MSCHAPv2 response, None elsewhere."""

    identifier: int
    method: int | None
    name: bytes | None = None


def read_response(attributes: Iterable[bytes]) -> EapResponse | None:
    """The EAP-Response in a request's attributes; None when there is none that can be read."""
    data = b"".join(raw[2:] for raw in attributes if raw[0] == EAP_MESSAGE)
    if len(data) < 4 or data[0] != _RESPONSE:
        return None
    body = data[5 : int.from_bytes(data[2:4], "big")]
    if len(data) < 5 or data[4] in _NO_METHOD:
        return EapResponse(data[1], None, body if data[4:5] == bytes((_IDENTITY,)) else None)
    if data[4] == _MSCHAPV2 and body[:1] == bytes((_MSCHAPV2_RESPONSE,)):
        return EapResponse(data[1], _MSCHAPV2, body[_MSCHAPV2_NAME_AT:])
    return EapResponse(data[1], data[4])


def failure(identifier: int) -> bytes:
    """An EAP-Failure as an attribute; it has the identifier of the response it follows (RFC 3748 4.2)."""
    return attribute(EAP_MESSAGE, bytes((_FAILURE, identifier, 0, 4)))


def type_name(type_: int) -> str:
    return _NAMES.get(type_, f"type {type_}")
