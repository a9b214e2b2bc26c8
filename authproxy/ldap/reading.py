"""Back-pressure: a connection is read from only while nobody behind it is behind."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer, IReactorTime, ITCPTransport
from zope.interface import implementer


class Reading:
    """Whether a transport is read from; there may be several reasons to stop, and all must have gone."""

    def __init__(self, transport: ITCPTransport) -> None:
        self._transport = IPushProducer(transport)
        self._reasons: set[str] = set()

    def stop(self, reason: str) -> None:
        if not self._reasons:
            self._transport.pauseProducing()
        self._reasons.add(reason)

    def go(self, reason: str) -> None:
        if reason in self._reasons:
            self._reasons.discard(reason)
            if not self._reasons:
                self._transport.resumeProducing()

    def release(self) -> None:
        """Reads again, whatever the reasons were: the end of a connection is seen by reading."""
        if self._reasons:
            self._reasons.clear()
            self._transport.resumeProducing()


@implementer(IPushProducer)
class Throttle:
    """What a full transport is given to slow down whoever fills it. ``stopped_at``: since when it is full."""

    def __init__(self, source: Reading, clock: IReactorTime) -> None:
        self._source = source
        self._clock = clock
        self.stopped_at: float | None = None

    def pauseProducing(self) -> None:
        self.stopped_at = self._clock.seconds()
        self._source.stop("full")

    def resumeProducing(self) -> None:
        self.stopped_at = None
        self._source.go("full")

    def stopProducing(self) -> None:
        """The full transport is gone; whoever has the other one ends that, too."""
