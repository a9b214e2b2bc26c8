"""What one client asks, in order: binds are decided, everything else goes to the directory and back as it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.errors import AuthproxyError
from authproxy.ldap import messages, requests, responses
from authproxy.ldap.ber import BerError
from authproxy.ldap.binds import Login, Relayed, Unfit, read_bind
from authproxy.ldap.login import BindAttempt
from authproxy.ldap.messages import Envelope, open_envelope, seal
from authproxy.ldap.operations import ANSWERS, REQUESTS, answer
from authproxy.ldap.reading import Reading
from authproxy.ldap.requests import Extended, SaslBind, SimpleBind
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.section import FrontSection
from authproxy.ldap.stream import Head, head_of
from authproxy.ldap.upstream import Upstream
from authproxy.model import Accept, AuthRequest, Reason, Reject, Trail, new_login_id

_QUEUE_LIMIT = 256 * 1024  # bytes of requests that wait for a bind

_log = Logger()


class Client(Protocol):
    """The connection to the client."""

    peer: str
    client_ip: str | None
    is_secure: bool
    reading: Reading

    def write(self, data: bytes) -> None: ...
    def start_tls(self, answer: bytes) -> None:
        """Sends the answer, then begins the handshake."""

    def goodbye(self, code: Code, text: str) -> None:
        """A Notice of Disconnection, and the end."""

    def close(self) -> None: ...
    def trust(self) -> None:
        """Somebody is bound: larger requests are taken."""


@dataclass(slots=True)
class _Standing:
    """What has come of the client's binds. ``sasl``: the mechanism of an exchange that goes on."""

    binds: int = 0
    is_user: bool = False  # the last bind was a login
    is_bound: bool = False
    sasl: bytes = b""


class Conversation:
    """Takes whole requests; one at a time while a bind is decided or the directory is being reached."""

    def __init__(self, client: Client, section: FrontSection, upstream: Upstream) -> None:
        self._client = client
        self._section = section
        self._upstream = upstream
        self._standing = _Standing()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._job: Deferred[None] | None = None
        self._login: BindAttempt | None = None
        self._behind = 0  # how many requests came with this one, after it
        self._is_going_on = False
        self._is_over = False

    @property
    def is_idle(self) -> bool:
        return self._job is None and self._upstream.is_idle

    @property
    def is_login_pending(self) -> bool:
        return self._login is not None

    # ------------------------------------------------------------ requests in

    def take(self, frames: list[bytes]) -> None:
        """Raises BerError for what is no request."""
        for number, frame in enumerate(frames, start=1):
            self._behind = len(frames) - number
            if self._login is not None:
                self._look_ahead(self._login, frame)
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
        if self._login is None:  # the directory takes its time: so may the client
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
        head = head_of(frame)
        if head.tag not in REQUESTS or head.message_id <= 0:
            raise BerError(f"0x{head.tag:02x} is no request" if head.message_id > 0 else "message ID 0")
        match head.tag:
            case messages.BIND_REQUEST:
                self._bind(open_envelope(frame))
            case messages.UNBIND_REQUEST:
                self.end()
                self._client.close()
            case messages.ABANDON_REQUEST:
                self._abandon(open_envelope(frame), frame)
            case messages.SEARCH_REQUEST if self._standing.is_user and not self._section.may_search_after_bind:
                self._reply(head, Code.INSUFFICIENT_ACCESS, "no searches after a user's bind")
            case messages.EXTENDED_REQUEST if _is_start_tls(open_envelope(frame)):
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

    def _abandon(self, envelope: Envelope, frame: bytes) -> None:
        request = requests.decode(envelope)
        assert isinstance(request, requests.Abandon)
        if self._upstream.is_open:
            self._upstream.forget(request.message_id)
            self._upstream.send(Head(envelope.message_id, envelope.tag, len(frame)), frame)

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

    # ------------------------------------------------------------ binds

    def _bind(self, envelope: Envelope) -> None:
        bind = read_bind(envelope)
        standing = self._standing
        is_next_step = isinstance(bind, SaslBind) and bind.mechanism == standing.sasl != b""
        decision = self._section.rules.decide(bind, standing.binds, is_next_step)
        standing.sasl = b""
        if isinstance(decision, Unfit):
            tag = messages.BIND_RESPONSE
            self._client.write(answer(envelope.message_id, tag, decision.code, decision.text))
            return
        if not is_next_step:
            standing.binds += 1
        standing.is_user = standing.is_bound = False
        match decision:
            case Relayed(why):
                self._do(self._relay_bind(envelope, bind, why))
            case Login() as login:
                assert isinstance(bind, SimpleBind)
                request = self._request(login, bind.password)
                self._login = BindAttempt(envelope, request, self._upstream)
                self._do(self._log_in(self._login))

    async def _relay_bind(self, envelope: Envelope, bind: object, why: str) -> None:
        try:
            frame = await self._upstream.bind(envelope.message_id, envelope.frame)
            result = responses.decode_result(open_envelope(frame))
        except AuthproxyError as error:
            self._section.log_unreachable(self._client.peer, error)
            text = "the directory can't be reached"
            self._client.write(answer(envelope.message_id, messages.BIND_RESPONSE, Code.UNAVAILABLE, text))
            return
        if result.code == Code.SASL_BIND_IN_PROGRESS and isinstance(bind, SaslBind):
            self._standing.sasl = bind.mechanism
        elif why:
            self._standing.is_bound = result.code == Code.SUCCESS
            self._section.log_exempt(self._client.peer, _name(bind), why, result)
        self._finish_bind(frame)

    def _finish_bind(self, frame: bytes) -> None:
        if self._standing.is_bound:
            self._client.trust()
        self._client.write(frame)

    def _request(self, login: Login, password: bytes) -> AuthRequest:
        section = self._section
        return AuthRequest(
            new_login_id(),
            section.name,
            login.username,
            password,
            self._client.peer,
            self._client.client_ip,
            Trail(section.now),
            dn=login.dn,
        )

    # ------------------------------------------------------------ logins

    async def _log_in(self, attempt: BindAttempt) -> None:
        section = self._section
        outcome = await section.authenticator.start(attempt.request, section.primary_for(attempt.bind))
        if self._login is not attempt:  # it was given up
            return
        self._login = None
        if isinstance(outcome, Accept) and attempt.is_bound and self._upstream.is_open:
            self._standing.is_user = self._standing.is_bound = True
            self._finish_bind(attempt.answer)
            return
        if attempt.is_bound or not self._upstream.is_idle:
            self._upstream.drop()  # nobody may go on as a user who was not let in
        reject = outcome if isinstance(outcome, Reject) else Reject(reason=Reason.INTERNAL_ERROR)
        refused = section.refusals.choose(attempt, reject)
        self._client.write(refused if isinstance(refused, bytes) else _bind_response(attempt, refused))

    def _look_ahead(self, attempt: BindAttempt, frame: bytes) -> None:
        """What a client sends while its login is being decided waits; but it may say that it has lost interest."""
        head = head_of(frame)
        match head.tag:
            case messages.UNBIND_REQUEST:
                self.end()
                self._client.close()
            case messages.BIND_REQUEST:  # RFC 4511 4.2.1: the earlier one is to be ended first
                self._give_up_login()
                refused = Result(Code.OPERATIONS_ERROR, message="another bind took its place")
                self._client.write(_bind_response(attempt, refused))
            case messages.ABANDON_REQUEST:
                request = requests.decode(open_envelope(frame))
                if isinstance(request, requests.Abandon) and request.message_id == attempt.message_id:
                    self._give_up_login()

    def _give_up_login(self) -> None:
        """Nobody waits for the outcome: a push is withdrawn, and the directory forgets who bound."""
        attempt, self._login = self._login, None
        if attempt is not None and self._job is not None:
            self._job.cancel()
        self._upstream.drop()

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
        section, login = self._section, self._login
        if login is not None:
            login.request.trail.add("primary", "lost", why)
            self._give_up_login()
            self._client.write(_bind_response(login, Result(Code.UNAVAILABLE, message="try again later")))
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


def _name(bind: object) -> str:
    name = bind.name if isinstance(bind, SimpleBind | SaslBind) else b""
    return name.decode("utf-8", "replace")


def _bind_response(attempt: BindAttempt, result: Result) -> bytes:
    return seal(attempt.message_id, responses.encode_result(messages.BIND_RESPONSE, result))
