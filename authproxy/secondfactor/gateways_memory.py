"""Gateways that keep everything in memory: the twins for tests of other rooms."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from authproxy.secondfactor.gateways import Call, CallEnd, CallStage, FraudReport, Text, TextEnd
from authproxy.secondfactor.pushes import Push, PushStatus


class MemoryNotifies:
    """Implements ``Notifies``: ``sent`` and ``over`` are what it was told, oldest first."""

    def __init__(self) -> None:
        self.sent: list[Push] = []
        self.over: list[tuple[str, PushStatus]] = []

    def pushed(self, push: Push) -> None:
        self.sent.append(push)

    def ended(self, push: Push, status: PushStatus) -> None:
        self.over.append((push.id, status))


class MemoryCalls:
    """Implements ``Calls``. Calls ring until :meth:`end`."""

    def __init__(self) -> None:
        self.placed: list[Call] = []
        self.hung_up = 0
        self._ringing: list[tuple[Call, Deferred[CallEnd]]] = []

    def place(self, call: Call) -> Deferred[CallEnd]:
        waiting: Deferred[CallEnd] = Deferred(self._hang_up)
        self.placed.append(call)
        self._ringing.append((call, waiting))
        call.heard(CallStage.CALLING)
        return waiting

    def answer(self) -> None:
        """Somebody takes up the oldest call."""
        self._ringing[0][0].heard(CallStage.ANSWERED)

    def end(self, end: CallEnd) -> None:
        """Ends the oldest call."""
        self._ringing.pop(0)[1].callback(end)

    def _hang_up(self, waiting: Deferred[CallEnd]) -> None:
        self.hung_up += 1
        self._ringing = [ringing for ringing in self._ringing if ringing[1] is not waiting]


class MemoryTexts:
    """Implements ``Texts``: ``sent`` is what it was asked for; ``end`` how the next ones go."""

    def __init__(self, end: TextEnd = TextEnd.ACCEPTED) -> None:
        self.sent: list[Text] = []
        self.end = end

    def send(self, text: Text) -> Deferred[TextEnd]:
        return Deferred.fromCoroutine(self._send(text))

    async def _send(self, text: Text) -> TextEnd:
        self.sent.append(text)
        if self.end not in (TextEnd.LIMITED, TextEnd.TOO_OFTEN):
            await text.before()
        return self.end


class MemoryFrauds:
    """Implements ``FraudAlert``."""

    def __init__(self) -> None:
        self.reports: list[FraudReport] = []

    def raised(self, report: FraudReport) -> None:
        self.reports.append(report)
