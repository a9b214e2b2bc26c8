"""One connection of the HTTP proxy: a request, then bytes to and fro, as fast as the slower side takes them."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from authproxy.httpproxy.connect import (
    BAD_GATEWAY,
    BUSY,
    ESTABLISHED,
    FORBIDDEN,
    LONGEST_HEAD,
    TIMED_OUT,
    Connect,
    Unusable,
    read_head,
    refusal,
)

_HEAD_SECONDS = 15.0
_IDLE_SECONDS = 3600.0
_LINGER_SECONDS = 30.0


class Decides(Protocol):
    """Who may do what; ``HttpProxy``."""

    def why_unwelcome(self, address: str) -> str: ...
    def is_reachable(self, wanted: Connect) -> bool: ...
    async def dial(self, far: Far) -> None: ...
    def opened(self, caller: Caller, address: str) -> None: ...
    def closed(self, caller: Caller) -> None: ...
    def refused(self, address: str, why: str) -> None: ...


class Transport(Protocol):
    """A TCP connection."""

    def write(self, data: bytes, /) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def registerProducer(self, producer: object, streaming: bool, /) -> None: ...
    def unregisterProducer(self) -> None: ...
    def setTcpNoDelay(self, enabled: bool, /) -> None: ...


class _Side(TwistedProtocol):
    """One end of a tunnel. What it receives goes to ``other``, which slows it down by pausing its transport."""

    transport: Transport  # type: ignore[assignment]
    other: _Side | None = None
    _lingering: IDelayedCall | None = None

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def join(self, other: _Side) -> None:
        self.other = other
        self.transport.registerProducer(other.transport, True)

    def connectionLost(self, reason: Any = None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        other, self.other = self.other, None
        if other is not None:
            other._leave()

    def _leave(self) -> None:
        """The other end is gone: what was received from it is still delivered, then this one ends, too."""
        self.other = None
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._lingering = self._clock.callLater(_LINGER_SECONDS, self._cut)

    def _cut(self) -> None:
        self._lingering = None
        self.transport.abortConnection()


class Far(_Side):
    """The host's side."""

    def __init__(self, caller: Caller, clock: IReactorTime) -> None:
        super().__init__(clock)
        self._caller = caller

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)
            self._caller.is_alive()


class Caller(_Side):
    """The client's side. Nothing is decided before its request is complete; then it is refused or joined."""

    def __init__(self, proxy: Decides, address: str, clock: IReactorTime) -> None:
        super().__init__(clock)
        self._proxy = proxy
        self._address = address
        self._head: bytes | None = b""  # None: the request was read
        self._early = b""
        self._timer: IDelayedCall | None = None
        self._dialing: Deferred[None] | None = None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        why = self._proxy.why_unwelcome(self._address)
        if why:
            self._refuse(BUSY if why == "too many connections" else FORBIDDEN, why)
            return
        self._proxy.opened(self, self._address)
        self._timer = self._clock.callLater(_HEAD_SECONDS, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)
            self.is_alive()
        elif self._dialing is not None:
            self._wait(data)
        elif self._head is not None:
            self._head += data
            self._read()

    def is_alive(self) -> None:
        """Something went through the tunnel."""
        if self._timer is not None:
            self._timer.reset(_IDLE_SECONDS)

    def drop(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._proxy.closed(self)
        dialing, self._dialing = self._dialing, None
        if dialing is not None:
            dialing.cancel()
        super().connectionLost(reason)

    # ------------------------------------------------------------ the request

    def _read(self) -> None:
        assert self._head is not None
        match read_head(self._head):
            case None:
                return
            case Unusable(status, why):
                self._refuse(refusal(status), why)
            case Connect() as wanted if not self._proxy.is_reachable(wanted):
                self._refuse(FORBIDDEN, "another host or port than api_host and 443")
            case Connect(early=early):
                self._head, self._early = None, early
                self.is_alive()
                self._dial()

    def _wait(self, data: bytes) -> None:
        """A client that speaks before it was answered: little of that is kept."""
        self._early += data
        if len(self._early) > LONGEST_HEAD:
            self._refuse(refusal(b"400 Bad Request"), "data before the connection was there")

    def _dial(self) -> None:
        far = Far(self, self._clock)
        self._dialing = Deferred.fromCoroutine(self._proxy.dial(far))
        self._dialing.addCallbacks(lambda _: self._established(far), self._not_established)

    def _established(self, far: Far) -> None:
        if self._dialing is None:
            far.transport.abortConnection()
            return
        self._dialing = None
        self.transport.write(ESTABLISHED)
        far.transport.write(self._early)
        self._early = b""
        self.join(far)
        far.join(self)
        self.is_alive()

    def _not_established(self, failure: Failure) -> None:
        if self._dialing is not None:
            self._dialing = None
            self._refuse(BAD_GATEWAY, "the host can't be reached")

    def _too_late(self) -> None:
        self._timer = None
        if self._head is None:
            self.drop()
        else:
            self._refuse(TIMED_OUT, "no complete request in time")

    def _refuse(self, response: bytes, why: str) -> None:
        self._head = None
        self._proxy.refused(self._address, why)
        self.transport.write(response)
        self.transport.loseConnection()


async def dial(endpoint: IStreamClientEndpoint, far: Far) -> None:
    await endpoint.connect(Factory.forProtocol(lambda: far))
