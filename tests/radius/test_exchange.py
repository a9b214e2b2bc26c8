"""Duplicate detection, RFC 5080 2.2.2."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from authproxy.radius.exchange import CAPACITY, AlreadyAnswered, Exchange, Full, InFlight, Key, New

KEY = ("192.0.2.1", 5000, 7)
FIRST, SECOND = b"a" * 16, b"b" * 16


def begin(exchange: Exchange, key: Key = KEY, authenticator: bytes = FIRST, now: float = 0.0) -> New:
    new = exchange.receive(key, authenticator, now)
    assert isinstance(new, New)
    return new


def test_retransmission_is_silent_while_pending_then_answered_with_the_same_bytes() -> None:
    exchange = Exchange()
    new = begin(exchange)
    assert isinstance(exchange.receive(KEY, FIRST, 1.0), InFlight)
    assert exchange.answer(new, b"answer", 2.0)
    for now in (2.0, 10.0, 31.9):
        again = exchange.receive(KEY, FIRST, now)
        assert isinstance(again, AlreadyAnswered)
        assert again.datagram == b"answer"


def test_answer_is_kept_for_30_seconds() -> None:
    exchange = Exchange()
    exchange.answer(begin(exchange), b"answer", 2.0)
    assert isinstance(exchange.receive(KEY, FIRST, 32.0), New)
    assert len(exchange) == 1


def test_pending_request_is_known_however_long_it_takes() -> None:
    exchange = Exchange()
    begin(exchange)
    assert isinstance(exchange.receive(KEY, FIRST, 1000.0), InFlight)


def test_new_authenticator_under_the_same_key_replaces_a_pending_request() -> None:
    exchange = Exchange()
    old = begin(exchange)
    new = begin(exchange, authenticator=SECOND)
    assert not exchange.answer(old, b"late", 1.0)
    assert exchange.answer(new, b"fresh", 1.0)
    again = exchange.receive(KEY, SECOND, 1.0)
    assert isinstance(again, AlreadyAnswered)
    assert again.datagram == b"fresh"


def test_new_authenticator_under_the_same_key_replaces_an_answered_request() -> None:
    exchange = Exchange()
    exchange.answer(begin(exchange), b"old", 0.0)
    new = begin(exchange, authenticator=SECOND, now=1.0)
    assert isinstance(exchange.receive(KEY, SECOND, 1.0), InFlight)
    assert exchange.answer(new, b"new", 2.0)
    assert len(exchange) == 1


def test_identifier_port_and_address_tell_requests_apart() -> None:
    exchange = Exchange()
    for key in (KEY, ("192.0.2.1", 5000, 8), ("192.0.2.1", 5001, 7), ("192.0.2.2", 5000, 7)):
        begin(exchange, key)
    assert exchange.pending == 4


def test_abandoned_request_may_come_again() -> None:
    exchange = Exchange()
    new = begin(exchange)
    assert exchange.abandon(new)
    assert not exchange.abandon(new)
    assert not exchange.answer(new, b"x", 0.0)
    begin(exchange)


def test_ten_thousand_pending_logins_fit() -> None:
    exchange = Exchange()
    pending = [begin(exchange, ("192.0.2.1", number // 256, number % 256)) for number in range(10_000)]
    assert exchange.pending == 10_000 < CAPACITY
    assert all(exchange.answer(new, b"x", 1.0) for new in pending)


def test_when_full_the_oldest_answer_goes_first_and_pending_ones_stay() -> None:
    exchange = Exchange(capacity=3)
    begin(exchange, ("pending", 0, 0))
    for number in range(2):
        exchange.answer(begin(exchange, ("answered", 0, number)), b"%d" % number, 0.0)
    begin(exchange, ("more", 0, 0))
    assert isinstance(exchange.receive(("answered", 0, 1), FIRST, 0.0), AlreadyAnswered)
    assert isinstance(exchange.receive(("pending", 0, 0), FIRST, 0.0), InFlight)
    begin(exchange, ("more", 0, 1))
    assert isinstance(exchange.receive(("more", 0, 2), FIRST, 0.0), Full)
    assert isinstance(exchange.receive(("more", 0, 1), FIRST, 0.0), InFlight)
    assert len(exchange) == 3


class ExchangeAgainstModel(RuleBasedStateMachine):
    """Any order of requests and answers: bounded, and never two logins for one request."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange(capacity=8, keep=5.0)
        self.now = 0.0
        self.current: dict[Key, bytes] = {}
        self.started: list[tuple[Key, bytes, New]] = []

    @rule(identifier=st.integers(0, 9), authenticator=st.sampled_from([FIRST, SECOND]))
    def receive(self, identifier: int, authenticator: bytes) -> None:
        key = ("192.0.2.1", 1, identifier)
        is_pending = any(entry[:2] == (key, authenticator) for entry in self.started)
        result = self.exchange.receive(key, authenticator, self.now)
        if self.current.get(key) == authenticator and is_pending:
            assert isinstance(result, InFlight)
        elif isinstance(result, New):
            self.started = [entry for entry in self.started if entry[0] != key]
            self.started.append((key, authenticator, result))
            self.current[key] = authenticator
        elif isinstance(result, AlreadyAnswered):
            assert result.datagram == repr((key, authenticator)).encode()

    @rule(which=st.integers(0, 20))
    def answer(self, which: int) -> None:
        if self.started:
            key, authenticator, new = self.started.pop(which % len(self.started))
            assert self.exchange.answer(new, repr((key, authenticator)).encode(), self.now)

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def is_bounded(self) -> None:
        assert len(self.exchange) <= 8
        assert self.exchange.pending == len(self.started)


ExchangeAgainstModel.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestExchangeAgainstModel = ExchangeAgainstModel.TestCase
