"""A client's connection: PROXY header, TLS, requests cut out of the stream, patience, and how it ends."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IConsumer, IHandshakeListener, ITCPTransport, ITLSTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from authproxy.ldap import ber
from authproxy.ldap.ber import BerError, Framer, Incomplete
from authproxy.ldap.conversation import Conversation
from authproxy.ldap.front import Front
from authproxy.ldap.operations import notice
from authproxy.ldap.proxy_header import HeaderError, read_header
from authproxy.ldap.reading import Reading
from authproxy.ldap.responses import Code
from authproxy.ldap.section import HANDSHAKE, STALLED
from authproxy.ldap.sending import Sending
from authproxy.ldap.upstream import Upstream

_STRANGERS_LIMIT = 256 * 1024  # bytes of a request before anybody is bound
_TRUSTED_LIMIT = ber.RESPONSE_LIMIT
_BEGIN_SECONDS = 10.0  # for a PROXY header or a TLS handshake
_HALF_SECONDS = 30.0  # without a byte in the midst of a request
_LINGER_SECONDS = 5.0  # for a client to take what was sent last


@implementer(IHandshakeListener)
class Caller(Protocol):
    """Implements ``standing.Client`` and ``upstream.Downstream``. ``peer``: whom the log names."""

    def __init__(self, front: Front, peer: str, is_tls: bool, has_header: bool) -> None:
        self.peer = peer
        self.client_ip: str | None = None
        self.is_secure = False
        self.is_gone = False
        self._front = front
        self._speaks_tls_first = is_tls
        self._before: bytes | None = b"" if has_header else None  # a PROXY header that isn't complete
        self._is_handshaking = False
        self._framer = Framer(_STRANGERS_LIMIT)
        self._upstream = Upstream(lambda: front.connect(), self, front.clock, front.patience)  # as it is by then
        self._conversation = Conversation(self, front.section, self._upstream)
        self._began = self._active = front.clock.seconds()
        self._ending_since: float | None = None
        self._is_admitted = False

    # ------------------------------------------------------------ the beginning

    def connectionMade(self) -> None:
        transport = ITCPTransport(self.transport)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        self.reading = Reading(transport)
        self.consumer = IConsumer(transport)
        self._sending = Sending(transport)
        self._front.callers.add(self)
        if self._before is None:
            self._begin()

    def _begin(self) -> None:
        self._is_admitted = self._front.admit(self.peer)
        if not self._is_admitted:
            if self._speaks_tls_first:
                self.close()
            else:
                self.goodbye(Code.BUSY, "too many connections")
        elif self._speaks_tls_first:
            self._secure()
        else:
            self._sending.go_straight()

    def _secure(self) -> None:
        assert self._front.certificate is not None
        self.is_secure = self._is_handshaking = True
        self._began = self._front.clock.seconds()
        self._sending.go_by_transport()
        ITLSTransport(self.transport).startTLS(self._front.certificate)

    def handshakeCompleted(self) -> None:
        self._is_handshaking = False
        self._active = self._front.clock.seconds()

    def _take_header(self, data: bytes) -> None:
        assert self._before is not None
        self._before += data
        try:
            header = read_header(self._before)
        except Incomplete:
            return
        except HeaderError as error:
            self._front.section.complain(self.peer, str(error))
            self.abort()
            return
        rest, self._before = self._before[header.size :], None
        if header.client is not None:
            self.peer = self.client_ip = header.client
        self._begin()
        if rest and self._ending_since is None:  # of the transport's protocol now: TLS may have slipped in between
            cast(Any, self.transport).protocol.dataReceived(rest)

    # ------------------------------------------------------------ what comes in

    def dataReceived(self, data: bytes) -> None:
        if self._ending_since is not None:
            return
        if self._before is not None:
            self._take_header(data)
            return
        self._active = self._front.clock.seconds()
        framer = self._framer
        try:
            self._conversation.take(framer.feed(data))
            if framer.failure is not None and self._ending_since is None:
                raise framer.failure
        except BerError as error:
            self._conversation.fail(error)

    def trust(self) -> None:
        self._framer.limit = _TRUSTED_LIMIT

    # ------------------------------------------------------------ what goes out

    def write(self, message: bytes) -> None:
        """One whole message of our own."""
        self._upstream.insert(message)

    def pass_on(self, data: bytes) -> None:
        if self._ending_since is None and self.transport is not None:
            self._active = self._front.clock.seconds()
            self._sending.write(data)

    def cut_off(self) -> None:
        self.close()

    def start_tls(self, answer: bytes) -> None:
        if (
            self._framer.pending or self._framer.failure
        ):  # what came in clear behind the request must not count as said in TLS
            self._conversation.fail(BerError("something follows StartTLS in clear text"))
            return
        self.write(answer)
        self._secure()

    def upstream_ended(self, why: str, notice: bytes, is_owing: bool) -> None:
        self._conversation.upstream_ended(why, notice, is_owing)

    # ------------------------------------------------------------ the end

    def goodbye(self, code: Code, text: str) -> None:
        self.write(notice(code, text))  # not said at all in the midst of a message
        self.close()

    def close(self) -> None:
        """Once what was written has been sent."""
        if self._ending_since is None:
            self._ending_since = self._front.clock.seconds()
            self._conversation.end()
            if self.transport is not None:
                self.reading.release()
                self.transport.loseConnection()

    def abort(self) -> None:
        self._ending_since = self._front.clock.seconds()
        self._conversation.end()
        ITCPTransport(self.transport).abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.is_gone = True
        self._ending_since = self._ending_since or self._front.clock.seconds()
        self._conversation.end()
        self._front.callers.discard(self)
        if self._is_admitted:
            self._front.release(self.peer)

    @property
    def is_idle(self) -> bool:
        return self._conversation.is_idle

    @property
    def is_login_pending(self) -> bool:
        return self._conversation.is_login_pending

    def look_at_clock(self, now: float) -> None:
        """Ends what takes too long. Called about once a second."""
        front = self._front
        if self._ending_since is not None:
            if now - self._ending_since >= _LINGER_SECONDS:
                self.abort()
            return
        if self._before is not None or self._is_handshaking:
            if now - self._began >= _BEGIN_SECONDS:
                front.section.complain(self.peer, f"no beginning within {_BEGIN_SECONDS:g} seconds", HANDSHAKE)
                self.abort()
            return
        full_since = self._upstream.client_full_since
        if full_since is not None and now - full_since >= front.network_timeout:
            front.section.complain(self.peer, "it does not read what it asked for", STALLED)
            self.abort()
            return
        self._upstream.look_at_clock(now, front.network_timeout)
        silent = now - self._active
        if self._framer.pending and silent >= _HALF_SECONDS:
            self._conversation.fail(BerError("a request was begun and not finished"))
        elif silent >= front.idle_timeout and self.is_idle:
            self.goodbye(Code.UNAVAILABLE, "nothing happened for too long")
