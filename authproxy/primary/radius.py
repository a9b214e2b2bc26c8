"""Primary authentication by an upstream RADIUS server (``[radius_client]``), PAP."""

from __future__ import annotations

from typing import Protocol

from authproxy.model import AuthRequest, Denied, Identity, Reason
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    MAX_VALUE,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    USER_NAME,
    USER_PASSWORD,
    Packet,
    PacketError,
    attribute,
)
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.password import MAX_PASSWORD, hide
from authproxy.radius.pending import Body

_OURS = frozenset((NAS_IP_ADDRESS, NAS_IDENTIFIER, NAS_IPV6_ADDRESS))  # the client sends its own


class Exchanges(Protocol):
    """``radius.client.UpstreamClient``, as far as it is needed here."""

    async def exchange(self, code: int, body: Body) -> Packet:
        """Raises PrimaryUnavailable, or PacketError when ``body`` does not fit into a packet."""
        ...


class RadiusPrimary:
    """``pass_through`` says which attributes of the reply reach the appliance. ``AuthRequest.relayed`` goes
    upstream as it is, but for what says who asks: that is us.

    The password goes upstream octet for octet, unless ``pw_codec`` names another charset than UTF-8 and the
    password is UTF-8.
    """

    def __init__(self, client: Exchanges, pass_through: PassThrough, pw_codec: str = "utf-8") -> None:
        self._client = client
        self._pass_through = pass_through
        self._codec = None if pw_codec.lower().replace("_", "-") in ("utf-8", "utf8") else pw_codec

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        """See ``model.Primary``."""
        if not password:
            return Denied(Reason.EMPTY_PASSWORD)
        name = request.username.encode("utf-8", "surrogateescape")
        if not 0 < len(name) <= MAX_VALUE:
            return Denied(Reason.UNKNOWN_USER, f"RADIUS can't carry a user name of {len(name)} bytes")
        if b"\0" in name:  # servers stop reading there: they would accept somebody else than we ask for a factor
            return Denied(Reason.UNKNOWN_USER, "the user name holds a NUL character")
        if self._codec is not None:
            password = _transcoded(password, self._codec)
        if len(password) > MAX_PASSWORD:
            return Denied(Reason.BAD_PASSWORD, f"RADIUS can't carry a password of {len(password)} bytes")
        try:
            reply = await self._client.exchange(ACCESS_REQUEST, _body(name, password, request.relayed))
        except PacketError as error:
            return Denied(Reason.UNSUPPORTED, f"the request can't be sent upstream: {error}")
        return self._judged(request, reply)

    def _judged(self, request: AuthRequest, reply: Packet) -> Identity | Denied:
        crossing = self._pass_through.of_reply(reply.attributes)
        if reply.code == ACCESS_ACCEPT:
            return Identity(request.username, attributes=crossing)
        if reply.code == ACCESS_REJECT:
            return Denied(Reason.REJECTED_UPSTREAM, attributes=crossing)
        detail = (
            "the upstream server asks for more than a password (Access-Challenge); it must check passwords alone"
        )
        return Denied(Reason.UNSUPPORTED, detail)


def _body(name: bytes, password: bytes, relayed: tuple[bytes, ...]) -> Body:
    user_name = attribute(USER_NAME, name)
    if relayed:
        relayed = tuple(raw for raw in relayed if raw[0] not in _OURS)

    def body(secret: bytes, authenticator: bytes) -> list[bytes]:
        return [user_name, attribute(USER_PASSWORD, hide(password, secret, authenticator)), *relayed]

    return body


def _transcoded(password: bytes, codec: str) -> bytes:
    """As it is when it is no UTF-8, or can't be said in ``codec``: then it is not ours to judge."""
    try:
        return password.decode("utf-8").encode(codec)
    except UnicodeError:
        return password
