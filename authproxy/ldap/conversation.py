"""What one client asks, in order: binds are decided, everything else goes to the directory and back as it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.errors import AuthproxyError
from authproxy.ldap import messages, requests
from authproxy.ldap.ber import BerError
from authproxy.ldap.login import BindAttempt
from authproxy.ldap.messages import Envelope, open_envelope
from authproxy.ldap.operations import ANSWERS, REQUESTS, answer
from authproxy.ldap.requests import Extended
from authproxy.ldap.responses import Code
from authproxy.ldap.section import FrontSection
from authproxy.ldap.standing import Client, Standing
from authproxy.ldap.stream import Head, head_of
from authproxy.ldap.upstream import Upstream

_QUEUE_LIMIT = 256 * 1024  # bytes of requests that wait for a bind

_log = Logger()


class Conversation:
    """Takes whole requests; one at a time while a bind is decided or the directory is being reached."""

    def __init__(self, client: Client, section: FrontSection, upstream: Upstream) -> None:
        self._client = client
        self._section = section
        self._upstream = upstream
        self._standing = Standing(client, section, upstream)
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._job: Deferred[None] | None = None
        self._behind = 0  # how many requests came with this one, after it
        self._is_going_on = False
        self._is_over = False

    @property
    def is_idle(self) -> bool:
        return self._job is None and self._upstream.is_idle

    @property
    def is_login_pending(self) -> bool:
        return self._standing.login is not None

    # ------------------------------------------------------------ requests in

    def take(self, frames: list[bytes]) -> None:
        """Raises BerError for what is no request."""
        for number, frame in enumerate(frames, start=1):
            self._behind = len(frames) - number
            if self._standing.login is not None:
                self._look_ahead(self._standing.login, frame)
            if self._is_over:
                return
            if self._job is None and not self._queue:
                self._begin(frame)
            else:
                self._wait(frame)

    def _wait(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._queued += len(frame)
        if self._queued <= _QUEUE_LIMIT:
            return
        if self._standing.login is None:  # the directory takes its time: so may the client
            self._client.reading.stop("queue")
        else:
            self.end()
            self._client.goodbye(Code.BUSY, "too many requests while a bind is pending")

    def _go_on(self) -> None:
        """Begins what waits, in order, until something takes its time again."""
        if self._is_going_on:
            return
        self._is_going_on = True
        try:
            while self._queue and self._job is None and not self._is_over:
                frame = self._queue.popleft()
                self._queued -= len(frame)
                self._begin(frame)
        except BerError as error:
            self.fail(error)
        finally:
            self._is_going_on = False
        if not self._queue:
            self._client.reading.go("queue")

    def fail(self, error: BerError) -> None:
        """What the client sends can't be understood any more."""
        self.end()
        self._section.complain(self._client.peer, str(error))
        self._client.goodbye(Code.PROTOCOL_ERROR, str(error))

    def _begin(self, frame: bytes) -> None:
        envelope = open_envelope(frame)  # what is passed on must be one message, whoever reads it
        head = Head(envelope.message_id, envelope.tag, len(frame))
        if head.tag not in REQUESTS or head.message_id == 0:
            raise BerError(f"0x{head.tag:02x} is no request" if head.message_id else "message ID 0")
        match head.tag:
            case messages.BIND_REQUEST:
                work = self._standing.bind(envelope)
                if work is not None:
                    self._do(work)
            case messages.UNBIND_REQUEST:
                self.end()
                self._client.close()
            case messages.ABANDON_REQUEST:
                self._abandon(envelope, head)
            case messages.SEARCH_REQUEST if self._standing.is_user and not self._section.may_search_after_bind:
                self._reply(head, Code.INSUFFICIENT_ACCESS, "no searches after a user's bind")
            case messages.EXTENDED_REQUEST if _is_start_tls(envelope):
                self._start_tls(head)
            case _:
                self._relay(head, frame)

    def _reply(self, head: Head, code: Code, text: str, name: bytes = b"") -> None:
        self._client.write(answer(head.message_id, ANSWERS[head.tag], code, text, name))

    # ------------------------------------------------------------ what is passed on

    def _relay(self, head: Head, frame: bytes) -> None:
        if self._upstream.is_open:
            self._upstream.send(head, frame)
        else:
            self._do(self._open_and_relay(head, frame))

    async def _open_and_relay(self, head: Head, frame: bytes) -> None:
        try:
            await self._upstream.open()
        except AuthproxyError as error:
            self._section.log_unreachable(self._client.peer, error)
            self._reply(head, Code.UNAVAILABLE, "the directory can't be reached")
        else:
            self._upstream.send(head, frame)

    def _abandon(self, envelope: Envelope, head: Head) -> None:
        request = requests.decode(envelope)
        assert isinstance(request, requests.Abandon)
        if self._upstream.is_open:
            self._upstream.forget(request.message_id)
            self._upstream.send(head, envelope.frame)

    def _start_tls(self, head: Head) -> None:
        """RFC 4511 4.14.2."""
        if not self._section.has_certificate:
            self._reply(head, Code.PROTOCOL_ERROR, "no TLS is configured here", messages.START_TLS)
        elif self._client.is_secure:
            self._reply(head, Code.OPERATIONS_ERROR, "TLS is in use already", messages.START_TLS)
        elif self._behind:  # what came in clear must not count as said in TLS
            raise BerError("something follows StartTLS in clear text")
        elif not self._upstream.is_idle or self._queue:
            self._reply(head, Code.OPERATIONS_ERROR, "other operations are pending", messages.START_TLS)
        else:
            tag = messages.EXTENDED_RESPONSE
            self._client.start_tls(answer(head.message_id, tag, Code.SUCCESS, "", messages.START_TLS))

    def _look_ahead(self, login: BindAttempt, frame: bytes) -> None:
        """What a client sends while its login is being decided waits; but it may say that it has lost interest."""
        head = head_of(frame)
        match head.tag:
            case messages.UNBIND_REQUEST:
                self.end()
                self._client.close()
            case messages.BIND_REQUEST:  # RFC 4511 4.2.1: the earlier one is to be ended first
                self._give_up_login(Code.OPERATIONS_ERROR, "another bind took its place")
            case messages.ABANDON_REQUEST:
                request = requests.decode(open_envelope(frame))
                if isinstance(request, requests.Abandon) and request.message_id == login.message_id:
                    self._give_up_login()

    def _give_up_login(self, code: Code | None = None, text: str = "") -> None:
        """Nobody waits for the outcome: a push is withdrawn."""
        is_pending = self._standing.login is not None
        self._standing.give_up(code, text)
        if is_pending and self._job is not None:
            self._job.cancel()

    # ------------------------------------------------------------ one job at a time

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        job = self._job = Deferred.fromCoroutine(work)
        job.addErrback(self._broke).addCallback(self._done)

    def _broke(self, failure: Failure) -> None:
        if failure.check(CancelledError):  # type: ignore[no-untyped-call]
            return
        _log.failure("{section}: internal error", failure, section=self._section.name)
        if not self._is_over:
            self.end()
            self._client.goodbye(Code.OTHER, "internal error")

    def _done(self, _: None) -> None:
        self._job = None
        self._go_on()

    # ------------------------------------------------------------ the end

    def upstream_ended(self, why: str, notice: bytes, is_owing: bool) -> None:
        """The directory has closed the client's connection. Who was bound must learn that he no longer is."""
        section, login = self._section, self._standing.login
        if login is not None:
            login.request.trail.add("primary", "lost", why)
            self._give_up_login(Code.UNAVAILABLE, "try again later")
            return
        _log.debug("{section}: {client}: {problem}", section=section.name, client=self._client.peer, problem=why)
        if notice:
            self.end()
            self._client.write(notice)
            self._client.close()
        elif self._standing.is_bound or is_owing:
            self.end()
            self._client.goodbye(Code.UNAVAILABLE, "the directory closed the connection")

    def end(self) -> None:
        """The client is gone, or is being sent away."""
        if self._is_over:
            return
        self._is_over = True
        self._queue.clear()
        self._give_up_login()
        self._upstream.close()


def _is_start_tls(envelope: Envelope) -> bool:
    request = requests.decode(envelope)
    return isinstance(request, Extended) and request.name == messages.START_TLS
