"""Outcomes as RADIUS answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from authproxy.model import Accept, Challenge, Continue, Outcome, Reject, Sealed
from authproxy.radius.methods import EAP, Method, refusal
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    HEADER_LENGTH,
    MAX_LENGTH,
    MAX_VALUE,
    REPLY_MESSAGE,
    STATE,
    Packet,
    PacketError,
    attribute,
    encode_response,
)
from authproxy.radius.seal import Seal
from authproxy.value import value

_MOST_MESSAGES: Final = 4  # times 253 octets: no appliance shows more
_ROOM: Final = MAX_LENGTH - HEADER_LENGTH - 18  # without header and Message-Authenticator


@value
class Reply:
    """``left_out`` counts the passed-through attributes for which there was no room."""

    code: int
    attributes: tuple[bytes, ...]
    datagram: bytes
    left_out: int = 0


def make_reply(
    outcome: Outcome, request: Packet, proxy_states: Sequence[bytes], secret: bytes, method: Method | None = None
) -> Reply:
    """The answer to ``request``: Message-Authenticator, State, Reply-Message (not beside EAP, RFC 3579 2.6.5),
    keys, passed-through attributes, and the request's Proxy-States in their order (RFC 2865 5.33). ``method`` is
    what the request used in place of a password."""
    passed: tuple[bytes, ...] = ()
    match outcome:
        case Accept(message, passed, sealed):
            code, own = ACCESS_ACCEPT, reply_messages("" if method is EAP else message)
            if sealed:
                own += _resealed(sealed, Seal(secret, request.authenticator))
        case Reject(message, passed):
            code, own = ACCESS_REJECT, reply_messages("" if method is EAP else message)
            if method is not None:
                own += refusal(method, request, passed)
        case Continue(passed, state):
            code, own = ACCESS_CHALLENGE, [attribute(STATE, state)]
        case Challenge(text, state):
            code, own = ACCESS_CHALLENGE, [attribute(STATE, state), *reply_messages(text)]
    kept = passed
    if passed:
        kept = _that_fit(passed, _ROOM - _octets(own) - _octets(proxy_states))
    attributes = (*own, *kept, *proxy_states)
    datagram = encode_response(code, request.identifier, request.authenticator, attributes, secret)
    return Reply(code, attributes, datagram, len(passed) - len(kept))


def reply_messages(text: str) -> list[bytes]:
    """``text`` as Reply-Message attributes, cut between characters; what no appliance would show is cut off."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_VALUE:
        return [attribute(REPLY_MESSAGE, data)] if data else []
    messages: list[bytes] = []
    while data and len(messages) < _MOST_MESSAGES:
        end = min(len(data), MAX_VALUE)
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        messages.append(attribute(REPLY_MESSAGE, data[:end]))
        data = data[end:]
    return messages


def _resealed(sealed: Iterable[Sealed], seal: Seal) -> list[bytes]:
    attributes = []
    for one in sealed:
        with suppress(PacketError):  # longer than an attribute: the upstream server could not have sent it, either
            attributes.append(seal.close(one))
    return attributes


def _octets(attributes: Iterable[bytes]) -> int:
    return sum(map(len, attributes))


def _that_fit(attributes: tuple[bytes, ...], room: int) -> tuple[bytes, ...]:
    for number, raw in enumerate(attributes):
        room -= len(raw)
        if room < 0:
            return attributes[:number]
    return attributes
