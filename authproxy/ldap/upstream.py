"""A client's own way to the directory: opened when it's needed, never shared, never reused for somebody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IReactorTime, ITCPTransport
from twisted.python.failure import Failure

from authproxy.ldap import messages
from authproxy.ldap.ber import BerError
from authproxy.ldap.client import ConnectionDied, ConnectionFailed, LdapConnection
from authproxy.ldap.operations import ANSWERS
from authproxy.ldap.reading import Reading, Throttle
from authproxy.ldap.stream import Gap, Head, Kept, Passing, ResponseStream

Connect = Callable[[], Awaitable[LdapConnection]]


class Downstream(Protocol):
    """The client, as its upstream sees it."""

    @property
    def is_gone(self) -> bool:
        """Whether its connection is lost: nothing may be asked of its transport any more."""

    @property
    def reading(self) -> Reading: ...

    @property
    def consumer(self) -> IConsumer: ...

    def pass_on(self, data: bytes) -> None:
        """Bytes from the directory, or of what was inserted between them."""

    def cut_off(self) -> None:
        """A part of a message was passed on, and the rest won't come: nothing more can be said to the client."""

    def upstream_ended(self, why: str, notice: bytes, is_owing: bool) -> None:
        """An open connection is gone. ``notice``: what the directory said before, if it did;
        ``is_owing``: answers were still to come."""


class Upstream:
    """At most one connection at a time. Whoever binds on it waits for the answer before sending more."""

    def __init__(self, connect: Connect, client: Downstream, clock: IReactorTime, patience: float) -> None:
        """``patience``: seconds for the answer to a bind."""
        self._connect = connect
        self._client = client
        self._clock = clock
        self._patience = patience
        self._connection: LdapConnection | None = None
        self._stream = ResponseStream()
        self._outstanding: set[int] = set()
        self._heard = 0.0
        self._binding: tuple[int, float, Deferred[bytes]] | None = None  # message ID, since when, the answer
        self._notice = b""
        self._inserted: list[bytes] = []  # messages of our own that wait for a gap
        self._to_client: Throttle | None = None
        self._waiting: list[Deferred[None]] = []
        self._is_opening = False
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is expected from the directory."""
        return not self._outstanding and self._binding is None and not self._stream.is_amid

    # ------------------------------------------------------------ out

    def open(self) -> Deferred[None]:
        """Fails with ConnectionFailed or PrimaryUnavailable. Cancelling it does not stop the opening."""
        waiting: Deferred[None] = Deferred()
        if self._connection is not None:
            waiting.callback(None)
            return waiting
        self._waiting.append(waiting)
        if not self._is_opening:
            self._is_opening = True
            Deferred.fromCoroutine(self._reach()).addCallbacks(self._opened, self._not_opened)
        return waiting

    async def _reach(self) -> LdapConnection:
        return await self._connect()

    def _opened(self, connection: LdapConnection) -> None:
        if self._is_closed or not connection.is_open:
            connection.close()
            why = connection.why_lost or ConnectionFailed("the client is gone")
            self._not_opened(Failure(why))  # type: ignore[no-untyped-call]
            return
        self._connection = connection
        self._stream = ResponseStream()
        self._heard = self._clock.seconds()
        connection.on_data, connection.on_lost = self._received, self._lost
        connection.go_straight()
        transport = ITCPTransport(connection.transport)
        self._to_client = Throttle(Reading(transport), self._clock)
        self._client.consumer.registerProducer(self._to_client, True)
        IConsumer(transport).registerProducer(Throttle(self._client.reading, self._clock), True)
        for waiting in self._take_waiting():
            waiting.callback(None)

    def _not_opened(self, failure: Failure) -> None:
        for waiting in self._take_waiting():
            waiting.errback(failure)

    def _take_waiting(self) -> list[Deferred[None]]:
        self._is_opening = False
        taken, self._waiting = self._waiting, []
        return [waiting for waiting in taken if not waiting.called]

    def send(self, head: Head, frame: bytes) -> None:
        """Anything but a bind, on the open connection."""
        assert self._connection is not None
        if head.tag in ANSWERS:
            if not self._outstanding:
                self._heard = self._clock.seconds()
            self._outstanding.add(head.message_id)
        self._connection.send(frame)

    def forget(self, message_id: int) -> None:
        """The client has abandoned it: an answer may come, or not."""
        self._outstanding.discard(message_id)

    async def bind(self, message_id: int, frame: bytes) -> bytes:
        """The directory's answer to a bind, whole. A connection that turns out to be dead is replaced once.

        Raises ConnectionFailed, PrimaryUnavailable.
        """
        is_fresh = not self.is_open
        await self.open()
        try:
            return await self._ask(message_id, frame)
        except ConnectionDied:
            if is_fresh or self._is_closed:
                raise
            await self.open()
            return await self._ask(message_id, frame)

    def _ask(self, message_id: int, frame: bytes) -> Deferred[bytes]:
        assert self._connection is not None
        answer: Deferred[bytes] = Deferred(lambda _: self.drop())
        self._binding = (message_id, self._clock.seconds(), answer)
        self._connection.send(frame)
        return answer

    # ------------------------------------------------------------ in

    def _received(self, data: bytes) -> None:
        self._heard = self._clock.seconds()
        stream = self._stream
        try:
            for piece in stream.feed(data):
                match piece:
                    case Passing(passing):
                        self._client.pass_on(passing)
                    case Kept(head, frame):
                        self._keep(head, frame)
                    case Gap():
                        self._fill_gap()
                if self._stream is not stream:  # it was dropped meanwhile
                    return
        except BerError as error:
            self._fail(f"the directory's answers can't be understood: {error}")
            return
        if stream.ended:
            self._outstanding.difference_update(stream.ended)
            stream.ended.clear()

    def _keep(self, head: Head, frame: bytes) -> None:
        if head.message_id == 0:
            if head.tag == messages.EXTENDED_RESPONSE:
                self._notice = frame  # the end of the connection follows
            return
        binding, self._binding = self._binding, None
        if binding is None or binding[0] != head.message_id:
            raise BerError("an answer to a bind that nobody sent")
        self._outstanding.clear()  # what was asked before is abandoned if it has no answer yet (RFC 4511 4.2.1)
        binding[2].callback(frame)

    def insert(self, message: bytes) -> None:
        """Gives the client a whole message of our own, between two of the directory's."""
        if self._stream.is_amid:
            self._inserted.append(message)
            self._stream.is_gap_wanted = True
        else:
            self._client.pass_on(message)

    def _fill_gap(self) -> None:
        self._stream.is_gap_wanted = False
        waiting, self._inserted = self._inserted, []
        self._client.pass_on(b"".join(waiting))

    def _lost(self, connection: LdapConnection) -> None:
        if connection is self._connection:
            self._end(connection.why_lost or ConnectionDied("the directory closed the connection"))

    def _fail(self, why: str) -> None:
        connection = self._connection
        if connection is not None:
            self._end(ConnectionFailed(why))
            connection.abort(why)

    def _end(self, why: ConnectionFailed) -> None:
        """The connection is of no use any more: whoever waits for a bind is told, or else the client."""
        binding, notice, is_owing = self._binding, self._notice, bool(self._outstanding)
        self._let_go()
        if binding is None:
            self._client.upstream_ended(str(why), notice, is_owing)
        elif not binding[2].called:
            binding[2].errback(why)

    # ------------------------------------------------------------ the end

    def drop(self) -> None:
        """Ends the connection, and with it whatever it is bound as. The next use opens another."""
        connection = self._connection
        self._let_go()
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """For good."""
        self._is_closed = True
        self.drop()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        self._binding, self._notice = None, b""
        self._outstanding.clear()
        self._inserted.clear()
        is_amid, self._stream = self._stream.is_amid, ResponseStream()
        if connection is None:
            return
        connection.on_data = connection.on_lost = _ignore
        if not self._client.is_gone:
            self._client.consumer.unregisterProducer()
            self._client.reading.go("full")
        if self._to_client is not None:
            self._to_client.resumeProducing()
            self._to_client = None
        if connection.is_open:
            IConsumer(connection.transport).unregisterProducer()
        if is_amid:
            self._client.cut_off()

    # ------------------------------------------------------------ the clock

    def look_at_clock(self, now: float, network_timeout: float) -> None:
        """Ends the connection if the directory has been silent too long."""
        if self._binding is not None:
            if now - self._binding[1] >= self._patience:
                self._fail(f"no answer to a bind within {self._patience:g} seconds")
        elif self._outstanding and self.client_full_since is None and now - self._heard >= network_timeout:
            self._fail(f"nothing from the directory within {network_timeout:g} seconds")

    @property
    def client_full_since(self) -> float | None:
        """Since when the client does not read what the directory has for it."""
        return self._to_client.stopped_at if self._to_client is not None else None


def _ignore(_: object) -> None:
    pass
