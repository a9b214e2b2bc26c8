"""An Access-Request as the rest of the house knows it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2s
from typing import Final
from unicodedata import category

from authproxy.config.settings import RadiusServerSettings
from authproxy.model import AuthRequest, Conversation, Trail, new_login_id
from authproxy.radius.attributes import Dictionary
from authproxy.radius.clients import Client
from authproxy.radius.methods import EAP, Method, method_of
from authproxy.radius.packet import (
    CHAP_CHALLENGE,
    CHAP_PASSWORD,
    EAP_MESSAGE,
    EVENT_TIMESTAMP,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
    Packet,
    PacketError,
)
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.password import reveal
from authproxy.radius.vendors import ClientAddress, unwrap_static_challenge
from authproxy.value import value

ONLY_PAP: Final = "only PAP is supported here"
MOST_PROXY_STATES: Final = 16
MOST_PROXY_STATE_OCTETS: Final = 2048
_AT_MOST_ONCE = frozenset((USER_NAME, USER_PASSWORD, STATE))
_METHODS_IN = frozenset((CHAP_PASSWORD, VENDOR_SPECIFIC, EAP_MESSAGE))
_NEW_IN_EACH = frozenset((
    USER_PASSWORD, CHAP_PASSWORD, CHAP_CHALLENGE, STATE, PROXY_STATE, EVENT_TIMESTAMP, EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
))  # fmt: skip
_UNPRINTABLE = frozenset(("Cc", "Zl", "Zp"))


@value
class Fields:
    """What of a request matters here. ``password`` is still hidden; ``method`` is what was sent in its place, EAP
    before others."""

    username: bytes | None
    password: bytes | None
    state: bytes | None
    proxy_states: tuple[bytes, ...]
    method: Method | None


@value
class Unusable:
    """A request that can only be rejected; ``why`` tells the administrator what to change."""

    login_id: str
    why: str


def read_fields(packet: Packet) -> Fields:
    """The fields of an Access-Request. Raises PacketError when it holds one twice, or too many Proxy-States."""
    found: dict[int, bytes] = {}
    proxy_states: list[bytes] = []
    method: Method | None = None
    for raw in packet.attributes:
        type_ = raw[0]
        if type_ in _AT_MOST_ONCE:
            if type_ in found:
                raise PacketError("User-Name, User-Password or State twice")
            found[type_] = raw[2:]
        elif type_ == PROXY_STATE:
            proxy_states.append(raw)
        elif type_ in _METHODS_IN and method is not EAP:
            method = method_of(raw) or method
    if proxy_states and (
        len(proxy_states) > MOST_PROXY_STATES or sum(map(len, proxy_states)) > MOST_PROXY_STATE_OCTETS
    ):
        raise PacketError("too many Proxy-States")
    return Fields(found.get(USER_NAME), found.get(USER_PASSWORD), found.get(STATE), tuple(proxy_states), method)


class RequestReader:
    """Makes AuthRequests for one section. ``now`` is a steady clock, for the trail. ``only_pap`` says what would
    have to change for other methods to be served; empty where an upstream server is there to speak them."""

    def __init__(
        self,
        settings: RadiusServerSettings,
        dictionary: Dictionary,
        pass_through: PassThrough,
        now: Callable[[], float],
        only_pap: str = ONLY_PAP,
    ) -> None:
        self._only_pap = only_pap
        self._settings = settings
        self._pass_through = pass_through
        self._now = now
        self._client_address = ClientAddress(dictionary, settings.client_ip_attr)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The name in ``client_ip_attr``, when no dictionary has it."""
        return () if self._client_address.is_known else (self._settings.client_ip_attr,)

    def read(self, packet: Packet, fields: Fields, client: Client) -> AuthRequest | Unusable:
        """Raises PacketError when User-Password has a wrong length."""
        login_id = new_login_id()
        if fields.password is None:
            why_not = self._why_no_other_method(fields.method)
            if why_not:
                return Unusable(login_id, why_not)
        username = decode_username(fields.username or b"")
        if not username:
            return Unusable(login_id, "there is no User-Name in it, or one with control characters")
        password, method = b"", fields.method
        if fields.password is not None:
            password, method = reveal(fields.password, client.secret, packet.authenticator), None
            if password.startswith(b"SCRV1:"):
                password = unwrap_static_challenge(password, self._settings)
        client_ip = self._client_address.find(packet.attributes)
        return AuthRequest(
            login_id=login_id,
            section=self._settings.name,
            username=username,
            password=password,
            nas=client.address,
            client_ip=client_ip,
            trail=Trail(self._now),
            session="" if client_ip else session_of(packet.attributes),
            relayed=self._pass_through.of_request(packet.attributes, method),
            conversation=None if method is None else Conversation(method.name),
        )

    def _why_no_other_method(self, method: Method | None) -> str:
        if method is None:
            return "there is no User-Password in it: set the appliance to PAP"
        if not method.carriers:
            return f"it uses {method.name}, which is not served: set the appliance to PAP"
        if self._only_pap:
            return f"it uses {method.name}, and {self._only_pap}: set the appliance to PAP"
        return ""


def session_of(attributes: Sequence[bytes]) -> str:
    """A hash of what an appliance says of the user's connection (NAS-Port, Acct-Session-Id ...): everything but
    what is new in each packet. An appliance that says nothing of connections says the same of all of a user's."""
    said = b"".join(sorted(raw for raw in attributes if raw[0] not in _NEW_IN_EACH))
    return blake2s(said, digest_size=16).hexdigest()


def decode_username(value: bytes) -> str:
    """A User-Name as text: UTF-8, or else Latin-1. Empty when it holds control characters."""
    try:
        name = value.decode("utf-8")
    except UnicodeDecodeError:
        name = value.decode("latin-1")
    if not name.isprintable() and any(category(character) in _UNPRINTABLE for character in name):
        return ""
    return name.strip()
