"""One LDAP connection on Twisted: opens it in clear, StartTLS or LDAPS, and runs operations on it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IProtocolFactory,
    IReactorTime,
    ISystemHandle,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from authproxy.config.settings import Transport
from authproxy.errors import AuthproxyError
from authproxy.ldap import messages, requests, tls
from authproxy.ldap.loss import explain_loss
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.sasl import SaslError, SecurityLayer
from authproxy.ldap.sending import Sending
from authproxy.ldap.session import Answer, Session
from authproxy.ldap.tls import TlsConnections

_ABANDONED = "this side ended the connection"
_EXTENDED_START_TLS = requests.encode(requests.Extended(messages.START_TLS))
_DONE = Failure(ConnectionDone())  # type: ignore[no-untyped-call]
_UNBIND = requests.encode(requests.Unbind())
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class ConnectionFailed(AuthproxyError):
    """A connection could not be opened, or broke; nobody was judged."""


class NoAnswer(ConnectionFailed):
    """An operation got no answer in time. The connection may be in order otherwise."""


class ConnectionDied(ConnectionFailed):
    """An open connection broke before an operation was answered. It may be tried again on another."""


Outcome = Answer | ConnectionFailed
Waiter = Callable[[Outcome], None]


class Pulse:
    """When a host was last heard, on whichever connection."""

    def __init__(self) -> None:
        self.last = 0.0


@implementer(IHandshakeListener)
class LdapConnection(Protocol):
    """One connection. ``opened`` fires with it when operations may be sent, or fails with ConnectionFailed.

    ``on_lost`` is called once, when an opened connection is gone. An operation that has no answer after
    ``patience`` seconds fails with NoAnswer if other answers came meanwhile; otherwise the connection is dropped.
    """

    def __init__(
        self,
        clock: IReactorTime,
        patience: float,
        transport: Transport,
        secure: TlsConnections | None,
        pulse: Pulse,
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._pulse = pulse
        self._wanted = transport
        self._secure = secure
        self._session: Session[Waiter] = Session()
        self._layer: SecurityLayer | None = None
        self._watch: IDelayedCall | None = None
        self._heard = 0.0
        self._why_lost: ConnectionFailed | None = None
        self.is_open = False
        self.is_silent = False  # it was dropped because nothing came
        self.opened: Deferred[LdapConnection] = Deferred(lambda _: self.abort("it took too long"))
        self.on_lost: Callable[[LdapConnection], None] = lambda _: None
        self.on_data: Callable[[bytes], None] | None = None  # of whoever runs the open connection himself

    # ------------------------------------------------------------ operations

    def request(self, operation: bytes, expects: int, waiter: Waiter) -> None:
        """Sends an encoded operation; ``waiter`` is called exactly once with its outcome."""
        if not self.connected or self._why_lost is not None:
            waiter(self._why_lost or ConnectionFailed("the connection is closed"))
            return
        now = self._clock.seconds()
        self._write(self._session.send(operation, expects, waiter, now))
        if self._watch is None:
            self._watch = self._clock.callLater(self._patience, self._look_at_clock)

    def ask(self, operation: bytes, expects: int) -> Deferred[Answer]:
        """Like :meth:`request`; fails with ConnectionFailed. Cancelling it abandons the operation."""

        def settle(outcome: Outcome) -> None:
            if done.called:
                return
            if isinstance(outcome, ConnectionFailed):
                done.errback(outcome)
            else:
                done.callback(outcome)

        done: Deferred[Answer] = Deferred(lambda _: self.abandon(settle))
        self.request(operation, expects, settle)
        return done

    def abandon(self, waiter: Waiter) -> None:
        message = self._session.abandon(waiter)
        if message and self.connected:
            self._write(message)

    def send(self, message: bytes) -> None:
        """For whoever runs the open connection himself: a whole message."""
        self._write(message)

    def _write(self, message: bytes) -> None:
        self._sending.write(message if self._layer is None else self._layer.send(message))

    def go_straight(self) -> None:
        """See :class:`Sending`; nothing changes in TLS. For whoever has one operation at a time: the many searches
        of a service connection are better sent together."""
        if self._wanted is Transport.CLEAR:
            self._sending.go_straight()

    def protect(self, layer: SecurityLayer) -> None:
        """From now on everything is sealed, both ways. Call it when nothing is outstanding."""
        self._session = Session()  # what came in clear behind the bind's success does not count
        self._layer = layer

    def channel_binding(self) -> bytes:
        """Of the TLS connection; empty on a clear one."""
        if self._secure is None:
            return b""
        return tls.endpoint_binding(cast(SSL.Connection, ISystemHandle(self.transport).getHandle()))

    @property
    def pending(self) -> int:
        return len(self._session.outstanding)

    @property
    def why_lost(self) -> ConnectionFailed | None:
        return self._why_lost

    def close(self) -> None:
        """Says goodbye. What is outstanding fails."""
        self._why_lost = self._why_lost or ConnectionFailed(_ABANDONED)
        if self.connected and self.transport is not None:
            self._write(messages.seal(messages.MAX_MESSAGE_ID, _UNBIND))
            self.transport.loseConnection()

    def abort(self, why: str) -> None:
        """Drops the connection at once."""
        self._drop(ConnectionFailed(why))

    def _drop(self, why: ConnectionFailed) -> None:
        self._why_lost = self._why_lost or why
        if self.connected and self.transport is not None:
            ITCPTransport(self.transport).abortConnection()

    # ------------------------------------------------------------ opening

    def connectionMade(self) -> None:
        assert self.transport is not None
        transport = ITCPTransport(self.transport)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        self._sending = Sending(self.transport)
        handle = cast(socket.socket, ISystemHandle(self.transport).getHandle())
        for name, seconds in _KEEPALIVE:
            with suppress(OSError, AttributeError):
                handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
        match self._wanted:
            case Transport.CLEAR:
                self._open()
            case Transport.LDAPS:
                self._secure_transport()
            case Transport.STARTTLS:
                self.request(_EXTENDED_START_TLS, messages.EXTENDED_RESPONSE, self._start_tls)

    def _start_tls(self, outcome: Outcome) -> None:
        if isinstance(outcome, ConnectionFailed):
            return  # connectionLost tells
        result: Result = outcome.result
        if result.code != Code.SUCCESS:
            self.abort(f"the server refused StartTLS: {result.explain()}; try transport=ldaps")
            return
        self._session = Session()  # nothing that was said in clear counts any more
        self._secure_transport()

    def _secure_transport(self) -> None:
        assert self._secure is not None
        ITLSTransport(self.transport).startTLS(self._secure)

    def handshakeCompleted(self) -> None:
        assert self._secure is not None
        handle = cast(SSL.Connection, ISystemHandle(self.transport).getHandle())
        try:
            self._secure.check_name(handle)
        except tls.CertificateRefused as error:
            self.abort(str(error))
            return
        self._open()

    def _open(self) -> None:
        self.is_open = True
        if not self.opened.called:
            self.opened.callback(self)

    # ------------------------------------------------------------ what comes in

    def dataReceived(self, data: bytes) -> None:
        if self.on_data is not None:
            self.on_data(data)
            return
        session = self._session
        self._heard = self._pulse.last = self._clock.seconds()
        if self._layer is not None:
            try:
                data = self._layer.receive(data)
            except SaslError as error:
                self.abort(str(error))
                return
        for waiter, answer in session.receive(data):
            waiter(answer)
        if session.failure is not None and self._why_lost is None:
            self.abort(str(session.failure))

    def connectionLost(self, reason: Failure = _DONE) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        why = self._why_lost = self._why_lost or ConnectionDied(self._explain(reason))
        was_open, self.is_open = self.is_open, False
        waiting = list(self._session.outstanding.values())
        self._session.outstanding.clear()
        if was_open:
            self.on_lost(self)
        elif not self.opened.called:
            self.opened.errback(why)
        for operation in waiting:
            operation.waiter(why)

    def _explain(self, reason: Failure) -> str:
        error = reason.value
        if isinstance(error, SSL.Error):
            handle = cast(SSL.Connection, ISystemHandle(self.transport).getHandle())
            refused = self._secure.refusal(handle) if self._secure and not self.is_open else None
            if refused:
                return str(refused)
        return explain_loss(error, None if self.is_open else self._wanted)

    # ------------------------------------------------------------ patience

    def _look_at_clock(self) -> None:
        """Runs at most once per ``patience``, not per operation: the oldest operation comes first."""
        self._watch = None
        now = self._clock.seconds()
        silent_since = now - self._patience
        while self._session.outstanding:
            oldest = next(iter(self._session.outstanding.values()))
            if oldest.since > silent_since:
                self._watch = self._clock.callLater(oldest.since - silent_since, self._look_at_clock)
                return
            late = NoAnswer(f"no answer within {self._patience:g} seconds")
            if self._heard <= oldest.since:
                self.is_silent = True
                self._drop(late)
                return
            self.abandon(oldest.waiter)
            oldest.waiter(late)


@implementer(IProtocolFactory)
class LdapConnectionFactory:
    """Makes one kind of connection; for an endpoint's ``connect``."""

    noisy = False

    def __init__(
        self, clock: IReactorTime, patience: float, transport: Transport, secure: TlsConnections | None
    ) -> None:
        self.pulse = Pulse()
        self._arguments = (clock, patience, transport, secure, self.pulse)
        self.made = 0

    def buildProtocol(self, addr: object) -> LdapConnection:
        self.made += 1
        return LdapConnection(*self._arguments)

    def doStart(self) -> None:
        pass

    def doStop(self) -> None:
        pass
