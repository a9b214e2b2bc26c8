"""Logins whose method an upstream RADIUS server speaks with the user's device: MS-CHAP, MS-CHAPv2, EAP."""

from __future__ import annotations

from typing import Final

from authproxy.config.settings import EapIdentity
from authproxy.model import AuthRequest, Continue, Conversation, Denied, Identity, Reason
from authproxy.primary.upstream_host import AsksUpstream, not_ours
from authproxy.primary.verified_name import verified_name
from authproxy.radius.eap import PLAIN_TYPES, read_response, type_name
from authproxy.radius.methods import EAP, MS_CHAP, MS_CHAP_V2
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REQUEST,
    STATE,
    USER_NAME,
    PacketError,
    attribute,
)
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.pending import Body, UpstreamReply
from authproxy.radius.request import decode_username

MOST_ROUNDS: Final = 60
_METHODS = {method.name: method for method in (EAP, MS_CHAP, MS_CHAP_V2)}


class Relay:
    """One round of such a login: the request goes to the host that had the earlier ones, its reply comes back."""

    def __init__(self, client: AsksUpstream, pass_through: PassThrough, rule: EapIdentity) -> None:
        self._client = client
        self._pass_through = pass_through
        self._rule = rule

    async def check(self, request: AuthRequest, conversation: Conversation) -> Identity | Denied | Continue:
        """See ``model.Primary``."""
        conversation.rounds += 1
        if conversation.rounds > MOST_ROUNDS:
            return _ended(request, Denied(Reason.UNSUPPORTED, f"no end after {MOST_ROUNDS} rounds"))
        _listen(request, conversation)
        try:
            reply = await self._client.exchange(ACCESS_REQUEST, _body(request, conversation), conversation.host)
        except PacketError as error:
            return _ended(request, Denied(Reason.UNSUPPORTED, f"the request can't be sent upstream: {error}"))
        conversation.host = reply.host
        conversation.state = reply.packet.first(STATE) or b""
        crossing = self._pass_through.of_reply(reply.packet.attributes, _METHODS[conversation.method])
        if reply.packet.code == ACCESS_CHALLENGE and conversation.method == EAP.name:
            return Continue(crossing)
        return _ended(request, self._judged(request, conversation, reply, crossing))

    def _judged(
        self, request: AuthRequest, conversation: Conversation, reply: UpstreamReply, crossing: tuple[bytes, ...]
    ) -> Identity | Denied:
        if reply.packet.code == ACCESS_CHALLENGE:
            return Denied(Reason.UNSUPPORTED, f"the upstream server has a question after {conversation.method}")
        if reply.packet.code != ACCESS_ACCEPT:
            return Denied(Reason.REJECTED_UPSTREAM, attributes=crossing)
        name = verified_name(conversation, request.username, reply.packet.all(USER_NAME), self._rule)
        if isinstance(name, Denied):
            return name
        conversation.verified = name.text
        sealed = self._pass_through.sealed_of_reply(reply.packet.attributes, reply.seal)
        return Identity(name.text, attributes=crossing, sealed=sealed, doubt=name.doubt)


def _listen(request: AuthRequest, conversation: Conversation) -> None:
    """Notes the EAP method that the device speaks, and whether the request's User-Name is bound to it."""
    response = read_response(request.relayed)
    if response is None:
        return
    inside = request.username if response.name is None else decode_username(response.name)
    if inside.casefold() != request.username.casefold():
        conversation.is_name_bound = False
    if response.method is None:
        return
    if response.method not in conversation.eap_types[-1:] and len(conversation.eap_types) < MOST_ROUNDS:
        conversation.eap_types.append(response.method)
    if response.method not in PLAIN_TYPES:
        conversation.is_name_bound = False


def _body(request: AuthRequest, conversation: Conversation) -> Body:
    """EAP-Messages stay in their order. Nothing in it depends on the secret."""
    attributes = not_ours(request.relayed)
    if conversation.state:
        attributes = (*attributes, attribute(STATE, conversation.state))
    return lambda _secret, _authenticator: list(attributes)


def _ended(request: AuthRequest, result: Identity | Denied) -> Identity | Denied:
    """Leaves one step for all rounds in the trail."""
    conversation = request.conversation
    assert conversation is not None
    method = " ".join((conversation.method, *map(type_name, conversation.eap_types)))
    rounds = "1 round" if conversation.rounds == 1 else f"{conversation.rounds} rounds"
    outer = f", as {request.username}" if conversation.verified not in ("", request.username) else ""
    at = f" at {conversation.host}" if conversation.host else ""
    request.trail.add("relay", method, f"{rounds}{at}{outer}")
    return result
