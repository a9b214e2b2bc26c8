"""Clients' connections without a network: transports in memory, a clock, a judge who decides by chance, and a
directory that notes whoever acts as a user who was not let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ISystemHandle, ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from authproxy.config.settings import LdapServerSettings, Transport
from authproxy.ldap import messages, requests, responses
from authproxy.ldap.ber import BerError, Framer
from authproxy.ldap.caller import Caller
from authproxy.ldap.certificate import ServerCertificate
from authproxy.ldap.client import ConnectionFailed, LdapConnection, Pulse
from authproxy.ldap.messages import open_envelope, seal
from authproxy.ldap.operations import ANSWERS
from authproxy.ldap.requests import SimpleBind
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.section import FrontSection
from authproxy.metrics import Metrics
from authproxy.model import Accept, AuthRequest, Denied, Identity, Outcome, Primary, Reason, Reject
from tests.ldap_front.mutants import SERVICE

BindFunction = Callable[[bytes, bytes], Awaitable[Result]]


@implementer(ITCPTransport, ISystemHandle)
class MemoryTransport(StringTransport):
    """``written`` is told what is written; ``ended`` that this side has hung up."""

    def __init__(self, written: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        super().__init__(lenient=True)
        self._written = written
        self._ended = ended
        self.is_open = True

    def write(self, data: bytes) -> None:
        if self.is_open:
            self._written(data)

    def loseConnection(self) -> None:
        if self.is_open:
            self.is_open = False
            self._ended()

    def abortConnection(self) -> None:
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def getHandle(self) -> None:
        pass


class Judge:
    """Implements ``model.Authenticates``. ``let_in``: passwords of logins that were."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.let_in: set[bytes] = set()
        self.waiting: list[Deferred[bool]] = []
        self.logins = 0

    async def start(self, request: AuthRequest, primary: Primary | None = None) -> Outcome:
        assert primary is not None
        self.logins += 1
        self.let_in.discard(request.password)
        try:
            who = await primary.check(request, request.password)
            is_approved = isinstance(who, Identity) and await self._decide()
        except CancelledError:
            return Reject(reason=Reason.GIVEN_UP)
        except (ConnectionFailed, BerError):
            return Reject(reason=Reason.PRIMARY_UNAVAILABLE)
        if not is_approved:
            return Reject(reason=Reason.PUSH_DENIED)
        self.let_in.add(request.password)
        return Accept("")

    async def _decide(self) -> bool:
        """At once, or when somebody fires what is in ``waiting``."""
        if self._chance.random() < 0.6:
            return self._chance.random() < 0.5
        waiting: Deferred[bool] = Deferred()
        self.waiting.append(waiting)
        return await waiting

    async def resume(self, state: bytes, request: AuthRequest) -> Outcome:
        raise AssertionError(state)


class Password:
    """Implements ``model.Primary``."""

    def __init__(self, bind: BindFunction) -> None:
        self._bind = bind

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        name = (request.dn or request.username).encode("utf-8", "surrogateescape")
        result = await self._bind(name, password)
        return Identity("somebody") if result.code == Code.SUCCESS else Denied(Reason.BAD_PASSWORD)


class Line:
    """A directory's end of one connection. ``password`` is that of the user who is bound."""

    def __init__(self, directory: MemoryDirectory) -> None:
        self._directory = directory
        self._framer = Framer(32 << 20)
        self.password = b""
        self.connection = LdapConnection(directory.clock, 10, Transport.CLEAR, None, Pulse())
        self._transport = MemoryTransport(self._hear, self._end)
        self.connection.makeConnection(self._transport)

    def _hear(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            said = self._answer(frame)
            if said:
                self._directory.clock.callLater(0, self._say, said)

    def _answer(self, frame: bytes) -> bytes:
        envelope, directory = open_envelope(frame), self._directory
        directory.heard += 1
        if envelope.tag == messages.BIND_REQUEST:
            request = requests.decode(envelope)
            is_right = isinstance(request, SimpleBind) and directory.chance.random() < 0.8
            is_user = isinstance(request, SimpleBind) and not directory.is_exempt(request.name)
            self.password = request.password if is_right and is_user else b""
            result = Result(Code.SUCCESS if is_right else Code.INVALID_CREDENTIALS)
            return seal(envelope.message_id, responses.encode_result(messages.BIND_RESPONSE, result))
        if envelope.tag not in ANSWERS:
            return b""
        if self.password and self.password not in directory.let_in:
            directory.intruders.append(self.password)
        entries = b""
        if envelope.tag == messages.SEARCH_REQUEST:
            entry = responses.encode_entry(b"uid=x", {b"cn": [b"x" * directory.chance.randrange(200)]})
            entries = seal(envelope.message_id, entry) * directory.chance.randrange(4)
        return entries + seal(envelope.message_id, responses.encode_result(ANSWERS[envelope.tag], Result(0)))

    def _say(self, data: bytes) -> None:
        if not self._transport.is_open:
            return
        for piece in self._directory.spoil(data):
            if self._transport.is_open:
                self.connection.dataReceived(piece)
        if self._directory.chance.random() < 0.002:
            self._transport.loseConnection()

    def _end(self) -> None:
        self._directory.lines.discard(self)
        self._directory.clock.callLater(0, self.connection.connectionLost)


class MemoryDirectory:
    """``spoil`` cuts, and may break, what it says. ``intruders``: passwords of users who were not let in, on whose
    behalf something was asked."""

    def __init__(
        self, clock: Clock, chance: Random, let_in: set[bytes], spoil: Callable[[bytes], list[bytes]]
    ) -> None:
        self.clock = clock
        self.chance = chance
        self.let_in = let_in
        self.spoil = spoil
        self.is_exempt: Callable[[bytes], bool] = lambda _: False
        self.lines: set[Line] = set()
        self.intruders: list[bytes] = []
        self.heard = 0

    async def connect(self) -> LdapConnection:
        line = Line(self)
        self.lines.add(line)
        return line.connection


class MemoryFront:
    """Implements ``front.Front``."""

    def __init__(self, chance: Random, spoil: Callable[[bytes], list[bytes]]) -> None:
        self.clock = Clock()
        self.judge = Judge(chance)
        self.directory = MemoryDirectory(self.clock, chance, self.judge.let_in, spoil)
        settings = LdapServerSettings(
            "ldap_server_auto", "ad_client", exempt_primary_bind=False, exempt_ous=(SERVICE.decode(),),
            allow_sasl_mechanisms=("PLAIN",),
        )  # fmt: skip
        self.metrics = Metrics()
        self.section = FrontSection(settings, self.judge, Password, self.metrics, self.clock.seconds)
        is_exempt = self.section.rules.is_exempt
        self.directory.is_exempt = lambda name: is_exempt(name.decode("utf-8", "surrogateescape"))
        self.connect = self.directory.connect
        self.certificate: ServerCertificate | None = None
        self.callers: set[Caller] = set()
        self.patience, self.network_timeout, self.idle_timeout = 10.0, 60.0, 600.0

    def admit(self, peer: str) -> bool:
        return True

    def release(self, peer: str) -> None:
        pass


class MemoryClient:
    """A client's end. What comes back must be whole messages, until the very end."""

    def __init__(self, front: MemoryFront, peer: str) -> None:
        self.is_gone = False
        self.answers = 0
        self._front = front
        self._framer = Framer(32 << 20)
        self._caller = Caller(front, peer, is_tls=False, has_header=False)
        self._caller.makeConnection(MemoryTransport(self._hear, self._end))

    def send(self, data: bytes) -> None:
        if not self.is_gone:
            self._caller.dataReceived(data)

    def hang_up(self) -> None:
        if not self.is_gone:
            self._end()

    def _hear(self, data: bytes) -> None:
        self.answers += len(self._framer.feed(data))
        if self._framer.failure is not None:
            raise BerError(f"the client was told nonsense: {self._framer.failure}")

    def _end(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self._front.clock.callLater(0, self._caller.connectionLost)
