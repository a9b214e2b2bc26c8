"""Primary authentication by an upstream RADIUS server (``[radius_client]``)."""

from __future__ import annotations

from authproxy.config.settings import EapIdentity
from authproxy.model import AuthRequest, Continue, Denied, Identity, Reason
from authproxy.primary.relay import Relay
from authproxy.primary.upstream_host import AsksUpstream, not_ours
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    MAX_VALUE,
    USER_NAME,
    USER_PASSWORD,
    PacketError,
    attribute,
)
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.password import MAX_PASSWORD, hide
from authproxy.radius.pending import Body, UpstreamReply


class RadiusPrimary:
    """``pass_through`` says which attributes of the reply reach the appliance. ``AuthRequest.relayed`` goes
    upstream as it is, but for what says who asks: that is us.

    The password goes upstream octet for octet, unless ``pw_codec`` names another charset than UTF-8 and the
    password is UTF-8. Where there is no password but a conversation, ``Relay`` leads it, with ``eap_identity``.
    """

    def __init__(
        self,
        client: AsksUpstream,
        pass_through: PassThrough,
        pw_codec: str = "utf-8",
        eap_identity: EapIdentity = EapIdentity.AUTO,
    ) -> None:
        self._client = client
        self._pass_through = pass_through
        self._relay = Relay(client, pass_through, eap_identity)
        self._codec = None if pw_codec.lower().replace("_", "-") in ("utf-8", "utf8") else pw_codec

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied | Continue:
        """See ``model.Primary``."""
        if request.conversation is not None:
            return await self._relay.check(request, request.conversation)
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

    def _judged(self, request: AuthRequest, reply: UpstreamReply) -> Identity | Denied:
        attributes = reply.packet.attributes
        crossing = self._pass_through.of_reply(attributes)
        if reply.packet.code == ACCESS_ACCEPT:
            sealed = self._pass_through.sealed_of_reply(attributes, reply.seal)
            return Identity(request.username, attributes=crossing, sealed=sealed)
        if reply.packet.code == ACCESS_REJECT:
            return Denied(Reason.REJECTED_UPSTREAM, attributes=crossing)
        detail = (
            "the upstream server asks for more than a password (Access-Challenge); it must check passwords alone"
        )
        return Denied(Reason.UNSUPPORTED, detail)


def _body(name: bytes, password: bytes, relayed: tuple[bytes, ...]) -> Body:
    user_name = attribute(USER_NAME, name)
    relayed = not_ours(relayed)

    def body(secret: bytes, authenticator: bytes) -> list[bytes]:
        return [user_name, attribute(USER_PASSWORD, hide(password, secret, authenticator)), *relayed]

    return body


def _transcoded(password: bytes, codec: str) -> bytes:
    """As it is when it is no UTF-8, or can't be said in ``codec``: then it is not ours to judge."""
    try:
        return password.decode("utf-8").encode(codec)
    except UnicodeError:
        return password
