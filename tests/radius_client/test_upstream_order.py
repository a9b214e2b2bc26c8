"""The pure parts of the upstream client: identifiers, resends, health, the order of hosts, what must be signed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authproxy.config.settings import RequireMessageAuthenticator
from authproxy.radius.health import Health, Turn, turns
from authproxy.radius.packet import ACCESS_ACCEPT, ACCESS_REQUEST, STATUS_SERVER, decode, encode_response
from authproxy.radius.pending import Identifiers, Question, Resends, Waiting
from authproxy.radius.reply_signing import ReplySigning
from tests.peers.fake_upstream import unsigned_accept


class _Owner:
    def wait_is_over(self, waiting: Waiting) -> None:
        raise AssertionError("nobody asked for that")


def waiting() -> Waiting:
    question = Question(ACCESS_REQUEST, lambda _secret, _authenticator: [], 4)
    return Waiting(_Owner(), question, 0.0, lambda _result: None)


def test_every_identifier_is_given_out_once_and_a_freed_one_last() -> None:
    identifiers = Identifiers()
    asked = [waiting() for _ in range(256)]
    taken = [identifiers.take(one) for one in asked]
    assert sorted(taken) == list(range(256))
    assert not identifiers.has_free
    assert all(identifiers.find(number) is one for number, one in zip(taken, asked, strict=True))
    for number in taken[:2]:
        identifiers.release(number)
    assert identifiers.find(taken[0]) is None
    assert [identifiers.take(waiting()), identifiers.take(waiting())] == taken[:2]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=40))
def test_resends_come_due_in_order_and_never_after_they_settled(steps: list[tuple[int, bool]]) -> None:
    resends = Resends(2.0)
    now = 0.0
    expected: dict[int, float] = {}
    asked: list[Waiting] = []
    for seconds, is_settled in steps:
        now += seconds
        one = waiting()
        asked.append(one)
        resends.add(one, now)
        expected[len(asked) - 1] = now + 2.0
        if is_settled:
            one.finish()
            del expected[len(asked) - 1]
        due = [index for index, when in expected.items() if when <= now]
        assert [asked.index(one) for one in resends.expire(now)] == due
        for index in due:
            del expected[index]
        assert resends.next_due() == min(expected.values(), default=None)


def test_request_that_was_sent_later_is_due_later() -> None:
    resends = Resends(2.0)
    one = waiting()
    resends.add(one, 0.0)
    resends.add(one, 1.0)
    assert resends.expire(2.5) == []
    assert resends.expire(3.0) == [one]


def hosts(*dead: bool) -> list[Health]:
    made = []
    for is_dead in dead:
        health = Health(30.0)
        if is_dead:
            health.unanswered(0.0, 0.0)
        made.append(health)
    return made


def order(healths: list[Health], now: float) -> list[tuple[int, int]]:
    return [(turn.index, turn.tries) for turn in turns(healths, 4, now)]


def test_living_hosts_are_asked_in_order_and_dead_ones_last() -> None:
    assert order(hosts(False, False, False), 1.0) == [(0, 4), (1, 4), (2, 4)]
    assert order(hosts(True, False, True), 1.0) == [(1, 4), (0, 4), (2, 4)]
    assert order(hosts(True, True), 1.0) == [(0, 4), (1, 4)]


def test_dead_host_gets_one_try_of_one_login_every_half_minute() -> None:
    healths = hosts(True, False)
    assert order(healths, 29.0) == [(1, 4), (0, 4)]
    assert order(healths, 30.0) == [(0, 1), (1, 4)]
    assert order(healths, 31.0) == [(1, 4), (0, 4)]
    assert order(healths, 60.0) == [(0, 1), (1, 4)]


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.floats(0, 100))
def test_every_host_has_one_turn_and_the_last_is_asked_to_the_end(dead: list[bool], now: float) -> None:
    asked = turns(hosts(*dead), 4, now)
    assert sorted(turn.index for turn in asked) == list(range(len(dead)))
    last = asked[-1]
    assert last == Turn(last.index, 4, True, True)
    assert not any(turn.stays_if_refused for turn in asked[:-1])


def test_host_that_answers_others_is_not_dead() -> None:
    health = Health(30.0)
    assert not health.answered(5.0)
    assert not health.unanswered(4.0, 12.0)
    assert not health.is_dead
    assert health.unanswered(6.0, 14.0)
    assert not health.unanswered(7.0, 15.0)
    assert health.is_dead
    assert [health.next_probe() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert health.answered(16.0)
    assert not health.is_dead
    assert health.next_probe() == 1.0


def test_only_plain_replies_to_logins_teach_that_a_host_signs() -> None:
    signing = ReplySigning(RequireMessageAuthenticator.AUTO)
    signed = decode(encode_response(ACCESS_ACCEPT, 1, bytes(16), (), b"s"))
    eap = decode(encode_response(ACCESS_ACCEPT, 1, bytes(16), (b"\x4f\x04ab",), b"s"))
    unsigned = decode(unsigned_accept(signed))
    assert not signing.is_to_be_warned_of(STATUS_SERVER, signed)
    assert not signing.is_to_be_warned_of(ACCESS_REQUEST, eap)
    assert not signing.is_required
    assert signing.is_to_be_warned_of(ACCESS_REQUEST, unsigned)
    assert not signing.is_to_be_warned_of(ACCESS_REQUEST, unsigned)
    assert not signing.is_to_be_warned_of(ACCESS_REQUEST, signed)
    assert signing.is_required
