"""RADIUS packets: strict decoding, Message-Authenticator, encoding. Pure.

The attributes of a packet stay whole raw TLVs (type, length, value), so that they can be relayed byte for byte.
Sources: RFC 2865 3 and 5, RFC 3579 3.2 (Message-Authenticator), RFC 5997.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from hmac import compare_digest
from struct import Struct
from typing import Final

from authproxy.errors import AuthproxyError
from authproxy.radius.hmac_md5 import hmac_md5

ACCESS_REQUEST: Final = 1
ACCESS_ACCEPT: Final = 2
ACCESS_REJECT: Final = 3
ACCOUNTING_REQUEST: Final = 4
ACCOUNTING_RESPONSE: Final = 5
ACCESS_CHALLENGE: Final = 11
STATUS_SERVER: Final = 12

CODE_NAMES: Final = {
    ACCESS_REQUEST: "AccessRequest",
    ACCESS_ACCEPT: "AccessAccept",
    ACCESS_REJECT: "AccessReject",
    ACCOUNTING_REQUEST: "AccountingRequest",
    ACCOUNTING_RESPONSE: "AccountingResponse",
    ACCESS_CHALLENGE: "AccessChallenge",
    STATUS_SERVER: "StatusServer",
}

USER_NAME: Final = 1
USER_PASSWORD: Final = 2
CHAP_PASSWORD: Final = 3
NAS_IP_ADDRESS: Final = 4
REPLY_MESSAGE: Final = 18
STATE: Final = 24
CLASS: Final = 25
VENDOR_SPECIFIC: Final = 26
CALLING_STATION_ID: Final = 31
NAS_IDENTIFIER: Final = 32
PROXY_STATE: Final = 33
EVENT_TIMESTAMP: Final = 55
CHAP_CHALLENGE: Final = 60
EAP_MESSAGE: Final = 79
MESSAGE_AUTHENTICATOR: Final = 80
NAS_IPV6_ADDRESS: Final = 95

HEADER_LENGTH: Final = 20
MAX_LENGTH: Final = 4096
MAX_ATTRIBUTES: Final = 256
MAX_VALUE: Final = 253

_ABSENT = -1
_SIGNATURE_LENGTH = 18
_SIGNATURE_HEAD = bytes((MESSAGE_AUTHENTICATOR, _SIGNATURE_LENGTH))
_NO_SIGNATURE = bytes(16)
_pack_head = Struct("!BBH").pack


class PacketError(AuthproxyError):
    """A datagram that is no valid packet. The text is one of a small fixed set: fit for a metric's label."""


@dataclass(slots=True, eq=False, repr=False)
class Packet:
    """A decoded packet. ``raw`` is the packet without padding; ``signature_at`` is where
    Message-Authenticator begins in it, negative without one."""

    code: int
    identifier: int
    authenticator: bytes
    attributes: tuple[bytes, ...]
    raw: bytes
    signature_at: int = _ABSENT

    def first(self, type_: int) -> bytes | None:
        """The value of the first attribute of that type."""
        for attribute in self.attributes:
            if attribute[0] == type_:
                return attribute[2:]
        return None

    def all(self, type_: int) -> list[bytes]:
        """The values of every attribute of that type, in order."""
        return [attribute[2:] for attribute in self.attributes if attribute[0] == type_]

    @property
    def is_signed(self) -> bool:
        """Has a Message-Authenticator, right or wrong."""
        return self.signature_at >= 0

    def __repr__(self) -> str:
        return f"<Packet code={self.code} identifier={self.identifier} length={len(self.raw)}>"


def decode(datagram: bytes) -> Packet:
    """A datagram as a Packet. Octets beyond the Length field are padding (RFC 2865 3).

    Raises PacketError on anything that is not well formed to the last octet.
    """
    size = len(datagram)
    if size < HEADER_LENGTH:
        raise PacketError("shorter than a RADIUS header")
    length = datagram[2] << 8 | datagram[3]
    if length < HEADER_LENGTH or length > MAX_LENGTH:
        raise PacketError("length field out of range")
    if length != size:
        if length > size:
            raise PacketError("shorter than its length field says")
        datagram = datagram[:length]
    attributes = []
    signature_at = _ABSENT
    at = HEADER_LENGTH
    last = length - 2
    while at <= last:
        attribute_length = datagram[at + 1]
        if attribute_length < 2:
            raise PacketError("attribute shorter than its header")
        end = at + attribute_length
        if datagram[at] == MESSAGE_AUTHENTICATOR:
            if attribute_length != _SIGNATURE_LENGTH:
                raise PacketError("Message-Authenticator of a wrong length")
            if signature_at >= 0:
                raise PacketError("more than one Message-Authenticator")
            signature_at = at
        attributes.append(datagram[at:end])
        at = end
    if at != length:
        raise PacketError("attribute runs past the end")
    if len(attributes) > MAX_ATTRIBUTES:
        raise PacketError("too many attributes")
    return Packet(datagram[0], datagram[1], datagram[4:20], tuple(attributes), datagram, signature_at)


def attribute(type_: int, value: bytes) -> bytes:
    """A raw attribute. Raises PacketError when the value is longer than 253 octets."""
    if len(value) > MAX_VALUE:
        raise PacketError("attribute value too long")
    return bytes((type_, len(value) + 2)) + value


def vendor_attribute(vendor: int, type_: int, value: bytes) -> bytes:
    """A Vendor-Specific attribute with one sub-attribute (RFC 2865 5.26), as nearly every vendor has it."""
    return attribute(VENDOR_SPECIFIC, vendor.to_bytes(4, "big") + attribute(type_, value))


def is_signature_valid(packet: Packet, secret: bytes, request_authenticator: bytes | None = None) -> bool:
    """Whether Message-Authenticator is there and right (RFC 3579 3.2).

    ``request_authenticator`` is that of the request when ``packet`` is a response.
    """
    at = packet.signature_at
    if at < 0:
        return False
    raw = packet.raw
    if request_authenticator is None:
        unsigned = b"".join((raw[: at + 2], _NO_SIGNATURE, raw[at + 18 :]))
    else:
        unsigned = b"".join((raw[:4], request_authenticator, raw[20 : at + 2], _NO_SIGNATURE, raw[at + 18 :]))
    return compare_digest(hmac_md5(secret, unsigned), raw[at + 2 : at + 18])


def encode_request(
    code: int, identifier: int, authenticator: bytes, attributes: Iterable[bytes], secret: bytes
) -> bytes:
    """An Access-Request or Status-Server, Message-Authenticator first.

    ``authenticator`` is 16 random octets. ``attributes`` must not hold a Message-Authenticator.
    Raises PacketError when the packet would be longer than 4096 octets.
    """
    head, body = _head_and_body(code, identifier, attributes)
    unsigned = b"".join((head, authenticator, _SIGNATURE_HEAD, _NO_SIGNATURE, body))
    return b"".join((head, authenticator, _SIGNATURE_HEAD, hmac_md5(secret, unsigned), body))


def encode_response(
    code: int, identifier: int, request_authenticator: bytes, attributes: Iterable[bytes], secret: bytes
) -> bytes:
    """The answer to a request, Message-Authenticator first, so that no chosen prefix can be put before it.

    ``attributes`` must not hold a Message-Authenticator. Raises PacketError when the packet would be longer
    than 4096 octets.
    """
    head, body = _head_and_body(code, identifier, attributes)
    unsigned = b"".join((head, request_authenticator, _SIGNATURE_HEAD, _NO_SIGNATURE, body))
    tail = b"".join((_SIGNATURE_HEAD, hmac_md5(secret, unsigned), body))
    return b"".join((head, _response_authenticator(head, request_authenticator, tail, secret), tail))


def _head_and_body(code: int, identifier: int, attributes: Iterable[bytes]) -> tuple[bytes, bytes]:
    body = b"".join(attributes)
    length = HEADER_LENGTH + _SIGNATURE_LENGTH + len(body)
    if length > MAX_LENGTH:
        raise PacketError("packet too long")
    return _pack_head(code, identifier, length), body


def _response_authenticator(head: bytes, request_authenticator: bytes, tail: bytes, secret: bytes) -> bytes:
    data = b"".join((head, request_authenticator, tail, secret))
    return md5(data, usedforsecurity=False).digest()  # what RFC 2865 3 prescribes; the signature protects it


def verify_response(
    datagram: bytes, request_authenticator: bytes, secret: bytes, *, must_be_signed: bool = False
) -> Packet:
    """A response to a request of ours. The caller compares the identifier and the source address.

    Raises PacketError when it is malformed, its Response Authenticator is wrong (a wrong secret), its
    Message-Authenticator is wrong, or missing with ``must_be_signed``.
    """
    packet = decode(datagram)
    raw = packet.raw
    expected = _response_authenticator(raw[:4], request_authenticator, raw[20:], secret)
    if not compare_digest(expected, packet.authenticator):
        raise PacketError("wrong Response Authenticator")
    if packet.is_signed:
        if not is_signature_valid(packet, secret, request_authenticator):
            raise PacketError("wrong Message-Authenticator")
    elif must_be_signed:
        raise PacketError("no Message-Authenticator")
    return packet
