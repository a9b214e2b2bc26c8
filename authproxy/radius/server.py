"""The RADIUS front door of one section: a datagram in, a login decided elsewhere, a datagram out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from authproxy.config.settings import RadiusServerSettings
from authproxy.login_logger import LoginLogger
from authproxy.metrics import Metrics
from authproxy.model import Authenticates, AuthRequest, Continue, Outcome, Reject, Watches, watches_nobody
from authproxy.radius import droplog
from authproxy.radius.attributes import Dictionary
from authproxy.radius.clients import Appliances, Client
from authproxy.radius.conversations import Conversations
from authproxy.radius.droplog import DropLog
from authproxy.radius.estate import Elsewhere, Piece, estate, paused, settled
from authproxy.radius.exchange import AlreadyAnswered, Exchange, Full, InFlight, Key, New
from authproxy.radius.methods import EAP, Method
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
from authproxy.radius.packetlog import PacketLog, warn_of_unknown_names
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.reply import make_reply
from authproxy.radius.request import ONLY_PAP, Fields, RequestReader, Unusable, read_fields
from authproxy.radius.signing import SigningRule

_log = LoginLogger()


@dataclass(slots=True, eq=False)  # frozen costs half a microsecond more
class _Login:
    """What it takes to answer a request."""

    new: New
    packet: Packet
    proxy_states: tuple[bytes, ...]
    method: Method | None
    client: Client
    peer: tuple[str, int]
    login_id: str
    is_detailed: bool = False


class RadiusServer(DatagramProtocol):
    """Serves one ``[radius_server_*]`` section.

    ``relay`` says which request attributes an upstream RADIUS server may see; without it, what the section's own
    ``pass_through_*`` name. ``only_pap``: see RequestReader.
    """

    def __init__(
        self,
        section: RadiusServerSettings,
        authenticator: Authenticates,
        dictionary: Dictionary,
        metrics: Metrics,
        clock: IReactorTime,
        relay: PassThrough | None = None,
        only_pap: str = ONLY_PAP,
        watches: Watches = watches_nobody,
    ) -> None:
        if relay is None:
            relay = PassThrough(dictionary, section.pass_through_all, section.pass_through_attr_names)
        self._name = section.name
        self._is_debug = section.debug
        self._watches = watches
        self._authenticator = authenticator
        self._packet_log = PacketLog(section.name, dictionary)
        self._now = clock.seconds
        self._appliances = Appliances(section.appliances)
        self._signing = SigningRule(section.force_message_authenticator)
        self._reader = RequestReader(section, dictionary, relay, self._now, only_pap)
        self._exchange = Exchange()
        self._drops = DropLog(section.name, metrics, self._now)
        self._conversations = Conversations(self._now, self._drops.lost)
        self._elsewhere: Elsewhere | None = None
        received = metrics.radius_received
        self._received = {code: received.labels(section.name, name) for code, name in CODE_NAMES.items()}
        self._received_other = received.labels(section.name, "other")
        self._pending_figure = metrics.pending.labels(section.name)
        self.show_pending()
        metrics.eap_conversations.labels(section.name).set_function(lambda: len(self._conversations))
        warn_of_unknown_names(section.name, (*relay.unknown, *self._reader.unknown))

    @property
    def pending(self) -> int:
        """How many logins are being decided."""
        return self._exchange.pending

    @property
    def is_done(self) -> bool:
        """Nothing is being decided, and no login waits for its next request."""
        return not self._exchange.pending and not self._conversations.states()

    def leave(self, tell: Callable[[Piece], None]) -> None:
        """Another process serves the socket from now on: it is told what it must know, now and as long as this one
        has anything to answer."""
        self._exchange.settled = lambda *request: tell(settled(*request))
        self._conversations.paused = lambda state: tell(paused(state))
        for piece in estate(self._exchange, self._conversations, self._signing, self._now()):
            tell(piece)

    def inherit(self, hand_back: Callable[[bytes, tuple[str, int]], None]) -> Elsewhere:
        """Another process has served the socket before, and decides what it has begun."""
        self._elsewhere = Elsewhere(self._exchange, self._signing, self._now, hand_back)
        return self._elsewhere

    def show_pending(self) -> None:
        """The section's figure is of this one from now on."""
        self._pending_figure.set_function(lambda: self.pending)

    def succeed(self, before: RadiusServer) -> None:
        """Goes on in the place of another one, on its socket: what that one was asked is no new login here, and it
        still answers what it has begun."""
        self._exchange = before._exchange
        self._conversations = before._conversations
        self._elsewhere = before._elsewhere
        self._signing.learn(before._signing)

    # ------------------------------------------------------------ in

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        try:
            self._receive(datagram, addr)
        except PacketError as error:
            self._drops.drop(addr[0], str(error))
        except Exception:
            if self._drops.drop(addr[0], droplog.BUG):
                _log.failure("{section}: internal error on a datagram", section=self._name)

    def _receive(self, datagram: bytes, addr: tuple[str, int]) -> None:
        client = self._appliances.find(addr[0])
        if client is None:
            self._drops.drop(addr[0], droplog.UNKNOWN_CLIENT)
            return
        packet = decode(datagram)
        self._received.get(packet.code, self._received_other).inc()
        if packet.code == ACCESS_REQUEST:
            self._access_request(packet, client, addr)
        elif packet.code == STATUS_SERVER:
            self._status_server(packet, client, addr)
        elif packet.code == ACCOUNTING_REQUEST:
            self._drops.drop(addr[0], droplog.ACCOUNTING, is_worth_a_warning=False)
        else:
            self._drops.drop(addr[0], droplog.NOT_SERVED)

    def _status_server(self, packet: Packet, client: Client, addr: tuple[str, int]) -> None:
        """RFC 5997: says that we are here, to whoever knows the secret."""
        if not packet.is_signed:
            self._drops.drop(addr[0], droplog.UNSIGNED_STATUS)
        elif not is_signature_valid(packet, client.secret):
            self._drops.drop(addr[0], droplog.WRONG_SIGNATURE)
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
                if not self._is_elsewhere(fields.state, key, new, packet.raw, addr):
                    self._begin(new, packet, fields, client, addr)
            case AlreadyAnswered(answer):
                self._send(answer, addr)
                if self._is_debug:
                    _log.debug("{section}: {nas} asked again: same answer", section=self._name, nas=client.address)
            case InFlight():
                self._drops.count(droplog.IN_FLIGHT)
                if self._is_debug:
                    _log.debug("{section}: {nas} asked again: still deciding", section=self._name,
                               nas=client.address)  # fmt: skip
            case Full():
                self._drops.drop(addr[0], droplog.NO_ROOM)

    def _is_elsewhere(
        self, state: bytes | None, key: Key, new: New, datagram: bytes, addr: tuple[str, int]
    ) -> bool:
        elsewhere = self._elsewhere
        return elsewhere is not None and state is not None and elsewhere.goes_on(state, key, new, datagram, addr)

    def _judge_signature(self, packet: Packet, fields: Fields, client: Client) -> str | None:
        """Why the request is dropped; None when it is served."""
        if packet.is_signed:
            if not is_signature_valid(packet, client.secret):
                return droplog.WRONG_SIGNATURE
            if self._signing.note_signed(client.address) and self._is_debug:
                _log.debug("{section}: {nas} sends Message-Authenticator; from now on it must",
                           section=self._name, nas=client.address)  # fmt: skip
            return None
        if fields.method is EAP:
            return droplog.UNSIGNED_EAP  # RFC 3579 3.1
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
        method = None if fields.password is not None else fields.method
        login = _Login(new, packet, fields.proxy_states, method, client, addr, request.login_id)
        if isinstance(request, Unusable):
            self._refuse(request, login)
            return
        self._decide(request, fields.state, login)

    def _decide(self, request: AuthRequest, state: bytes | None, login: _Login) -> None:
        resumed = None if state is None else self._conversations.resume(state, request)
        if resumed is not None:
            request, login.login_id = resumed, resumed.login_id
        login.is_detailed = self._is_debug or self._watches(
            self._name, request.username, request.nas, request.client_ip
        )
        if login.is_detailed:
            self._packet_log.request(request, login.packet, is_answer=state is not None)
        if state is None or resumed is not None:
            deciding = Deferred.fromCoroutine(self._authenticator.start(request))
        else:
            deciding = Deferred.fromCoroutine(self._authenticator.resume(state, request))
        deciding.addCallback(self._decided, request, login).addErrback(self._apologize, login)

    def _decided(self, outcome: Outcome, request: AuthRequest, login: _Login) -> None:
        if isinstance(outcome, Continue):
            self._answer(
                Continue(outcome.attributes, self._conversations.pause(request)), login, is_announced=False
            )
        else:
            self._answer(outcome, login)

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
        reply = make_reply(outcome, login.packet, login.proxy_states, login.client.secret, login.method)
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
        if login.is_detailed:
            self._packet_log.attributes("answer", reply.attributes, login.login_id)
        self._send(reply.datagram, login.peer)

    def _send(self, datagram: bytes, peer: tuple[str, int]) -> None:
        if self.transport is None:  # the port was closed while the login was being decided
            return
        try:
            self.transport.write(datagram, peer)
        except OSError:  # no buffer, no route, a firewall; the appliance will ask again
            self._drops.drop(peer[0], droplog.CANT_SEND)
