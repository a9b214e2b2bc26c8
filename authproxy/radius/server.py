"""The RADIUS front door of one section: a datagram in, a login decided elsewhere, a datagram out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.config.settings import RadiusServerSettings
from authproxy.metrics import Metrics
from authproxy.model import Authenticates, Outcome, Reject
from authproxy.radius.attributes import Dictionary
from authproxy.radius.clients import Appliances, Client
from authproxy.radius.droplog import DropLog
from authproxy.radius.exchange import AlreadyAnswered, Exchange, Full, InFlight, New
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_REQUEST,
    ACCOUNTING_REQUEST,
    CODE_NAMES,
    STATUS_SERVER,
    Packet,
    PacketError,
    decode,
    encode_response,
    is_signature_valid,
)
from authproxy.radius.packetlog import PacketLog
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.reply import make_reply
from authproxy.radius.request import Fields, RequestReader, Unusable, read_fields
from authproxy.radius.signing import SigningRule

UNKNOWN_CLIENT: Final = "unknown client; is its radius_ip_N missing?"
WRONG_SIGNATURE: Final = "wrong Message-Authenticator; does the shared secret differ?"
UNSIGNED_STATUS: Final = "Status-Server without Message-Authenticator"
UNSIGNED_EAP: Final = "EAP-Message without Message-Authenticator"
NOT_SERVED: Final = "a kind of packet that is not served here"
ACCOUNTING: Final = "accounting is not served here"
NO_ROOM: Final = "too many logins are waiting"
IN_FLIGHT: Final = "retransmission of a login being decided"
CANT_SEND: Final = "the answer can't be sent"
BUG: Final = "internal error"

_log = Logger()


@dataclass(slots=True, eq=False)  # frozen costs half a microsecond more
class _Login:
    """What it takes to answer a request."""

    new: New
    packet: Packet
    proxy_states: tuple[bytes, ...]
    client: Client
    peer: tuple[str, int]
    login_id: str


class RadiusServer(DatagramProtocol):
    """Serves one ``[radius_server_*]`` section.

    ``relay`` says which request attributes an upstream RADIUS server may see; without it, what the section's own
    ``pass_through_*`` name.
    """

    def __init__(
        self,
        section: RadiusServerSettings,
        authenticator: Authenticates,
        dictionary: Dictionary,
        metrics: Metrics,
        clock: IReactorTime,
        relay: PassThrough | None = None,
    ) -> None:
        if relay is None:
            relay = PassThrough(dictionary, section.pass_through_all, section.pass_through_attr_names)
        self._name = section.name
        self._is_debug = section.debug
        self._authenticator = authenticator
        self._packet_log = PacketLog(section.name, dictionary)
        self._now = clock.seconds
        self._appliances = Appliances(section.appliances)
        self._signing = SigningRule(section.force_message_authenticator)
        self._reader = RequestReader(section, dictionary, relay, self._now)
        self._exchange = Exchange()
        self._drops = DropLog(section.name, metrics, self._now)
        received = metrics.radius_received
        self._received = {code: received.labels(section.name, name) for code, name in CODE_NAMES.items()}
        self._received_other = received.labels(section.name, "other")
        metrics.pending.labels(section.name).set_function(lambda: self.pending)
        _warn_of_unknown_names(section.name, (*relay.unknown, *self._reader.unknown))

    @property
    def pending(self) -> int:
        """How many logins are being decided."""
        return self._exchange.pending

    # ------------------------------------------------------------ in

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        try:
            self._receive(datagram, addr)
        except PacketError as error:
            self._drops.drop(addr[0], str(error))
        except Exception:
            if self._drops.drop(addr[0], BUG):
                _log.failure("{section}: internal error on a datagram", section=self._name)

    def _receive(self, datagram: bytes, addr: tuple[str, int]) -> None:
        client = self._appliances.find(addr[0])
        if client is None:
            self._drops.drop(addr[0], UNKNOWN_CLIENT)
            return
        packet = decode(datagram)
        self._received.get(packet.code, self._received_other).inc()
        if packet.code == ACCESS_REQUEST:
            self._access_request(packet, client, addr)
        elif packet.code == STATUS_SERVER:
            self._status_server(packet, client, addr)
        elif packet.code == ACCOUNTING_REQUEST:
            self._drops.drop(addr[0], ACCOUNTING, is_worth_a_warning=False)
        else:
            self._drops.drop(addr[0], NOT_SERVED)

    def _status_server(self, packet: Packet, client: Client, addr: tuple[str, int]) -> None:
        """RFC 5997: says that we are here, to whoever knows the secret."""
        if not packet.is_signed:
            self._drops.drop(addr[0], UNSIGNED_STATUS)
        elif not is_signature_valid(packet, client.secret):
            self._drops.drop(addr[0], WRONG_SIGNATURE)
        else:
            states = read_fields(packet).proxy_states
            code, identifier = ACCESS_ACCEPT, packet.identifier
            self._send(encode_response(code, identifier, packet.authenticator, states, client.secret), addr)

    def _access_request(self, packet: Packet, client: Client, addr: tuple[str, int]) -> None:
        fields = read_fields(packet)
        why_not = self._judge_signature(packet, fields, client)
        if why_not is not None:
            self._drops.drop(addr[0], why_not)
            return
        key = (addr[0], addr[1], packet.identifier)
        match self._exchange.receive(key, packet.authenticator, self._now()):
            case New() as new:
                self._begin(new, packet, fields, client, addr)
            case AlreadyAnswered(answer):
                self._send(answer, addr)
                if self._is_debug:
                    _log.debug("{section}: {nas} asked again: same answer", section=self._name, nas=client.address)
            case InFlight():
                self._drops.count(IN_FLIGHT)
                if self._is_debug:
                    _log.debug("{section}: {nas} asked again: still deciding", section=self._name,
                               nas=client.address)  # fmt: skip
            case Full():
                self._drops.drop(addr[0], NO_ROOM)

    def _judge_signature(self, packet: Packet, fields: Fields, client: Client) -> str | None:
        """Why the request is dropped; None when it is served."""
        if packet.is_signed:
            if not is_signature_valid(packet, client.secret):
                return WRONG_SIGNATURE
            if self._signing.note_signed(client.address) and self._is_debug:
                _log.debug("{section}: {nas} sends Message-Authenticator; from now on it must",
                           section=self._name, nas=client.address)  # fmt: skip
            return None
        if fields.method == "EAP":
            return UNSIGNED_EAP  # RFC 3579 3.1
        if self._signing.is_first_unsigned(client.address):
            self._drops.unsigned(client.address)
        return self._signing.refuse_unsigned(client.address, bool(fields.proxy_states))

    # ------------------------------------------------------------ a login

    def _begin(self, new: New, packet: Packet, fields: Fields, client: Client, addr: tuple[str, int]) -> None:
        try:
            request = self._reader.read(packet, fields, client)
        except Exception:
            self._exchange.abandon(new)
            raise
        login = _Login(new, packet, fields.proxy_states, client, addr, request.login_id)
        if isinstance(request, Unusable):
            self._refuse(request, login)
            return
        if self._is_debug:
            self._packet_log.request(request, packet, is_answer=fields.state is not None)
        if fields.state is None:
            deciding = Deferred.fromCoroutine(self._authenticator.start(request))
        else:
            deciding = Deferred.fromCoroutine(self._authenticator.resume(fields.state, request))
        deciding.addCallback(self._answer, login).addErrback(self._apologize, login)

    def _refuse(self, request: Unusable, login: _Login) -> None:
        """An explicit reject: silence would only make the appliance ask again, and its user wait."""
        is_logged = self._drops.rejected(login.client.address, request.why, login.login_id)
        self._answer(Reject(), login, is_announced=is_logged)

    def _apologize(self, failure: Failure, login: _Login) -> None:
        """Nothing may leave an appliance without an answer, least of all a mistake of ours."""
        _log.failure("{section}: internal error", failure, section=self._name, login=login.login_id)
        try:
            self._answer(Reject(), login)
        except Exception:
            self._exchange.abandon(login.new)
            _log.failure("{section}: no answer could be made", section=self._name, login=login.login_id)

    # ------------------------------------------------------------ out

    def _answer(self, outcome: Outcome, login: _Login, is_announced: bool = True) -> None:
        reply = make_reply(outcome, login.packet, login.proxy_states, login.client.secret)
        if not self._exchange.answer(login.new, reply.datagram, self._now()):
            _log.info("{section}: {nas} has asked anew: this answer is not sent", section=self._name,
                      login=login.login_id, nas=login.client.address)  # fmt: skip
            return
        if is_announced:
            _log.info("{section}: Returning response code {code}: {answer} to {nas}", section=self._name,
                      login=login.login_id, code=reply.code, answer=CODE_NAMES[reply.code],
                      nas=login.client.address)  # fmt: skip
        if reply.left_out:
            _log.warn("{section}: {count} passed-through attributes did not fit into the answer",
                      section=self._name, login=login.login_id, count=reply.left_out)  # fmt: skip
        if self._is_debug:
            self._packet_log.attributes("answer", reply.attributes, login.login_id)
        self._send(reply.datagram, login.peer)

    def _send(self, datagram: bytes, peer: tuple[str, int]) -> None:
        if self.transport is None:  # the port was closed while the login was being decided
            return
        try:
            self.transport.write(datagram, peer)
        except OSError:  # no buffer, no route, a firewall; the appliance will ask again
            self._drops.drop(peer[0], CANT_SEND)


def _warn_of_unknown_names(section: str, names: tuple[str, ...]) -> None:
    for name in names:
        _log.warn(
            "{section}: no dictionary has an attribute named {attribute}: it is left out;"
            " see [main] dictionary_dir",
            section=section,
            attribute=name,
        )
