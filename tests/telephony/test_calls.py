"""One call, from the request to the key: a gateway in memory, and a clock that is moved by hand."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.config.settings_telephony import CallSettings
from authproxy.messaging.addresses import Addresses
from authproxy.messaging.calls import GatewayCalls
from authproxy.messaging.gateway import Happened, Heard, NotTaken, Ring, Say, Taken
from authproxy.secondfactor.gateways import Call, CallEnd, CallStage
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.telephony import Booked, Expense, OverLimit

PHONE = Phone("DP1", "", "+12025550143", "12", "landline", "", "", 2, 3)
SETTINGS = CallSettings(message="{application}: {confirm} or {fraud}", seconds=40)
ANSWERED, OVER = Heard(Happened.ANSWERED), Heard(Happened.OVER)


def key(pressed: str) -> Heard:
    return Heard(Happened.NOTHING, pressed)


class MemoryGateway:
    """Takes calls when it is told to."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self.hung_up: list[str] = []
        self.taking: Deferred[Taken | NotTaken] = Deferred()

    async def call(self, ring: Ring) -> Taken | NotTaken:
        self.rings.append(ring)
        return await self.taking

    async def hang_up(self, provider_id: str) -> None:
        self.hung_up.append(provider_id)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class MemoryLedger:
    def __init__(self) -> None:
        self.answer: Booked | OverLimit = Booked(7)
        self.notes: list[tuple[str, bool]] = []

    async def book(self, expense: Expense) -> Booked | OverLimit:
        assert (expense.kind, expense.purpose) == ("call", "login")
        return self.answer

    async def note(
        self, row: int, status: str, detail: str = "", provider_id: str = "", *, refund: bool = False
    ) -> None:
        assert row == 7
        self.notes.append((status, refund))


class Line:
    """A call that was placed. ``end``: how it ended, once it has."""

    def __init__(self, is_taken: bool = True) -> None:
        self.clock, self.gateway, self.ledger = Clock(), MemoryGateway(), MemoryLedger()
        addresses = Addresses("https://mfa.example", b"k")
        self.calls = GatewayCalls(self.gateway, self.ledger, addresses, SETTINGS, self.clock)  # type: ignore[arg-type]
        self.stages: list[CallStage] = []
        self.ends: list[Any] = []
        self.is_taken = is_taken

    def place(self) -> Line:
        call = Call(PHONE, "DU1", "alice", "vpn", "L1", self.stages.append)
        self.placed = self.calls.place(call)
        self.placed.addBoth(self.ends.append)
        if self.is_taken:
            self.gateway.taking.callback(Taken("CA1"))
        return self

    @property
    def token(self) -> str:
        return self.gateway.rings[0].urls.key.rpartition("token=")[2]

    def hear(self, heard: Heard) -> Say:
        return self.calls.heard(self.token, heard)[0]


@pytest.mark.parametrize(
    ("pressed", "end", "say"),
    [
        ("#", CallEnd.CONFIRMED, Say.ACCEPTED),
        ("*", CallEnd.FRAUD, Say.REPORTED),
        ("1", CallEnd.NO_KEY, Say.DENIED),
        ("##", CallEnd.NO_KEY, Say.DENIED),
        ("", CallEnd.NO_KEY, Say.DENIED),
    ],
)
def test_the_key_decides_and_only_the_first_one(pressed: str, end: CallEnd, say: Say) -> None:
    line = Line().place()
    assert line.hear(ANSWERED) is Say.ASK
    assert line.ends == []
    assert line.hear(key(pressed)) is say
    assert line.ends == [end]
    assert line.hear(key("#")) is Say.NOTHING
    assert line.hear(key("*")) is Say.NOTHING
    assert line.ends == [end]
    assert line.stages == [CallStage.CALLING, CallStage.ANSWERED]
    assert line.gateway.hung_up == []  # it was told to say goodbye
    assert line.ledger.notes == [("sent", False), ("answered", False), (str(end), False)]
    assert (len(line.calls), line.clock.getDelayedCalls()) == (0, [])


@pytest.mark.parametrize(
    ("heard", "end"),
    [
        ([Heard(Happened.UNREACHED)], CallEnd.NO_ANSWER),
        ([Heard(Happened.RINGING), OVER], CallEnd.NO_ANSWER),
        ([Heard(Happened.FAILED)], CallEnd.FAILED),
        ([ANSWERED, OVER], CallEnd.NO_KEY),
    ],
)
def test_a_line_that_is_dead_ends_it(heard: list[Heard], end: CallEnd) -> None:
    line = Line().place()
    for each in heard:
        line.hear(each)
    assert line.ends == [end]
    assert line.ledger.notes[-1] == (str(end), ANSWERED not in heard)
    assert line.gateway.hung_up == []


@pytest.mark.parametrize(("answered", "end"), [(True, CallEnd.NO_KEY), (False, CallEnd.NO_ANSWER)])
def test_time_ends_it_and_hangs_up(answered: bool, end: CallEnd) -> None:
    line = Line().place()
    if answered:
        line.hear(ANSWERED)
    line.clock.advance(39)
    assert line.ends == []
    line.clock.advance(1)
    assert line.ends == [end]
    assert line.gateway.hung_up == ["CA1"]
    assert line.hear(key("#")) is Say.NOTHING
    assert line.ends == [end]


def test_time_ends_it_also_while_the_gateway_has_not_answered() -> None:
    line = Line(is_taken=False).place()
    line.clock.advance(40)
    assert line.ends == [CallEnd.NO_ANSWER]
    assert len(line.calls) == 0


def test_a_login_that_is_given_up_hangs_up() -> None:
    line = Line().place()
    line.placed.cancel()
    assert line.gateway.hung_up == ["CA1"]
    assert line.ledger.notes[-1] == ("cancelled", True)
    assert line.hear(key("#")) is Say.NOTHING
    assert (len(line.calls), line.clock.getDelayedCalls()) == (0, [])


def test_the_key_may_come_before_the_gateway_has_said_that_it_took_the_call() -> None:
    line = Line(is_taken=False).place()
    assert line.hear(ANSWERED) is Say.ASK
    assert line.hear(key("#")) is Say.ACCEPTED
    assert line.hear(key("*")) is Say.NOTHING
    line.gateway.taking.callback(Taken("CA1"))
    assert line.ends == [CallEnd.CONFIRMED]


def test_what_the_gateway_does_not_take_fails() -> None:
    line = Line(is_taken=False).place()
    line.gateway.taking.callback(NotTaken("status 500", is_sure=False))
    assert line.ends == [CallEnd.FAILED]
    assert line.ledger.notes == [("failed", True), ("failed", True)]


def test_nobody_is_called_beyond_the_limit() -> None:
    line = Line()
    line.ledger.answer = OverLimit("enough")
    line.place()
    assert (line.ends, line.gateway.rings, line.stages) == ([CallEnd.LIMITED], [], [])


def test_what_is_asked_of_the_gateway() -> None:
    line = Line().place()
    ring = line.gateway.rings[0]
    assert (ring.number, ring.extension, ring.predelay, ring.postdelay) == ("+12025550143", "12", 2, 3)
    assert ring.text == "vpn: the hash key or the star key"
    assert ring.urls.answer == f"https://mfa.example/telephony/call/answer?token={line.token}"
    assert PHONE.number not in repr(ring)
    assert line.token not in repr(ring)


def test_of_another_call_nothing_is_known() -> None:
    line = Line().place()
    assert line.calls.heard("0" * 40, key("#")) == (Say.NOTHING, None)
    assert line.ends == []
