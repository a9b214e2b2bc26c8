"""Relayed logins round by round: States, hosts, refusals, and what crosses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.config.settings import EapIdentity
from authproxy.model import ACCESS_DENIED, Allowed, Reason, Refused, Sealed
from authproxy.primary.relay import MOST_ROUNDS
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    Packet,
    attribute,
    decode,
    encode_request,
    vendor_attribute,
    verify_response,
)
from authproxy.radius.seal import SALTED, Seal
from tests.peers.fake_upstream import SECRET as UPSTREAM_SECRET
from tests.peers.fake_upstream import silence
from tests.radius.door import Lines
from tests.radius.wire import SECRET
from tests.radius_relay.relay_door import APPLIANCE_TIMEOUT, RelayDoor, eap, eap_messages, eap_of, reply, says

NAME = attribute(1, b"anonymous")
IDENTITY = [NAME, *eap_messages(eap(2, 1, 1, b"anonymous"))]
UPSTREAM_STATE = attribute(24, b"state of the upstream server")
ASKS_FOR_PEAP = [UPSTREAM_STATE, *eap_messages(eap(1, 2, 25, b"\x20"))]
ANSWERS_PEAP = eap_messages(eap(2, 2, 25, b"\x00client hello"))
SUCCESS = [attribute(1, b"alice"), *eap_messages(eap(3, 2))]


@pytest.fixture
def door() -> Iterator[RelayDoor]:
    made = RelayDoor()
    yield made
    pytest_twisted.blockon(_closed(made))


def _closed(made: RelayDoor) -> Any:
    return Deferred.fromCoroutine(made.close())


@pytest.fixture
def two_hosts() -> Iterator[RelayDoor]:
    made = RelayDoor(hosts=2)
    yield made
    pytest_twisted.blockon(_closed(made))


async def begin(door: RelayDoor, host: int = 0) -> bytes:
    """The first round: the State for the second."""
    door.upstreams[host].answer = says(ACCESS_CHALLENGE, ASKS_FOR_PEAP)
    challenge = await door.ask(IDENTITY)
    assert challenge.code == ACCESS_CHALLENGE
    assert eap_of(challenge) == eap(1, 2, 25, b"\x20")
    (state,) = challenge.all(24)
    assert state != UPSTREAM_STATE[2:]
    return state


@pytest_twisted.ensureDeferred
async def test_upstream_gets_its_own_state_back_and_one_login_is_recorded(door: RelayDoor) -> None:
    state = await begin(door)
    door.upstreams[0].answer = says(ACCESS_ACCEPT, SUCCESS)
    accept = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 2)
    assert accept.code == ACCESS_ACCEPT
    assert eap_of(accept) == eap(3, 2)
    assert accept.all(18) == []  # no Reply-Message beside EAP
    first, second = door.upstreams[0].requests
    assert first.all(24) == []
    assert second.all(24) == [UPSTREAM_STATE[2:]]
    assert second.all(79) == [raw[2:] for raw in ANSWERS_PEAP]
    assert second.all(1) == [b"anonymous"]
    assert door.factor.asked == ["alice"]
    (record,) = door.records
    assert (record.username, record.result) == ("alice", "accept")
    assert next((step.stage, step.result) for step in record.steps) == ("relay", "EAP PEAP")


@pytest_twisted.ensureDeferred
async def test_state_is_good_once_but_a_retransmission_gets_the_same_bytes(door: RelayDoor) -> None:
    state = await begin(door)
    request = encode_request(ACCESS_REQUEST, 2, b"n" * 16, [NAME, *ANSWERS_PEAP, attribute(24, state)], SECRET)
    answer = await door.exchange(request)
    assert verify_response(answer, b"n" * 16, SECRET).code == ACCESS_CHALLENGE
    assert await door.exchange(request) == answer
    assert len(door.upstreams[0].requests) == 2
    again = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 3)
    assert again.code == ACCESS_REJECT
    assert eap_of(again) == eap(4, 2)


@pytest.mark.parametrize("state", [b"unknown", b"", b"x" * 24, UPSTREAM_STATE[2:]])
@pytest_twisted.ensureDeferred
async def test_unknown_state_is_a_reject_and_no_login(door: RelayDoor, state: bytes) -> None:
    rejected = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)])
    assert rejected.code == ACCESS_REJECT
    assert eap_of(rejected) == eap(4, 2)
    assert door.upstreams[0].requests == []
    assert [record.reason for record in door.records] == [Reason.STALE_CHALLENGE]


@pytest_twisted.ensureDeferred
async def test_state_of_another_name_is_unknown(door: RelayDoor) -> None:
    state = await begin(door)
    rejected = await door.ask([attribute(1, b"bob"), *ANSWERS_PEAP, attribute(24, state)])
    assert rejected.code == ACCESS_REJECT
    assert len(door.upstreams[0].requests) == 1


@pytest_twisted.ensureDeferred
async def test_device_that_does_not_go_on_is_told_of(door: RelayDoor) -> None:
    await begin(door)
    door.clock.advance(61)
    with Lines() as lines:
        await begin(door)
    (line,) = lines.having("did not go on")
    assert "anonymous" in line and "1 rounds of EAP" in line and "certificate" in line
    assert door.records == []


@pytest_twisted.ensureDeferred
async def test_next_round_goes_to_the_same_host_whatever_the_order(two_hosts: RelayDoor) -> None:
    first, second = two_hosts.upstreams
    first.answer, second.answer = silence, says(ACCESS_CHALLENGE, ASKS_FOR_PEAP)
    challenge_of = Deferred.fromCoroutine(two_hosts.ask(IDENTITY))
    for _ in range(3):
        await two_hosts.settle()
        two_hosts.clock.advance(2.0)
    challenge = await challenge_of
    first.answer = says(ACCESS_ACCEPT, SUCCESS)
    two_hosts.client.upstreams[0].health.answered(two_hosts.clock.seconds())
    second.answer = says(ACCESS_ACCEPT, SUCCESS)
    accept = await two_hosts.ask([NAME, *ANSWERS_PEAP, attribute(24, challenge.all(24)[0])], 2)
    assert accept.code == ACCESS_ACCEPT
    assert [request.all(24) for request in first.requests if request.code == ACCESS_REQUEST] == [[], []]
    assert second.requests[-1].all(24) == [UPSTREAM_STATE[2:]]


@pytest_twisted.ensureDeferred
async def test_host_that_dies_in_the_middle_ends_the_login(two_hosts: RelayDoor) -> None:
    state = await begin(two_hosts)
    two_hosts.upstreams[0].answer = silence
    answer_of = Deferred.fromCoroutine(two_hosts.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 2))
    for _ in range(3):
        await two_hosts.settle()
        two_hosts.clock.advance(2.0)
    rejected = await answer_of
    assert rejected.code == ACCESS_REJECT
    assert eap_of(rejected) == eap(4, 2)
    assert two_hosts.upstreams[1].requests == []
    assert [record.reason for record in two_hosts.records] == [Reason.PRIMARY_UNAVAILABLE]


@pytest_twisted.ensureDeferred
async def test_refused_second_factor_is_an_eap_failure_without_any_key(door: RelayDoor) -> None:
    state = await begin(door)
    key = vendor_attribute(311, 16, b"\x80\x01" + bytes(32))
    door.upstreams[0].answer = says(ACCESS_ACCEPT, [*SUCCESS, key])
    door.factor.verdict = Refused(Reason.PUSH_DENIED)
    rejected = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 2)
    assert rejected.code == ACCESS_REJECT
    assert [raw for raw in rejected.attributes if raw[0] != 80] == eap_messages(eap(4, 2))
    assert [(record.username, record.reason) for record in door.records] == [("alice", Reason.PUSH_DENIED)]


@pytest_twisted.ensureDeferred
async def test_last_round_ends_before_the_appliance_gives_up(door: RelayDoor) -> None:
    state = await begin(door)
    door.clock.advance(50)  # the time of earlier rounds does not count
    door.upstreams[0].answer = says(ACCESS_ACCEPT, SUCCESS)
    door.factor.verdict = None
    nonce = b"n" * 16
    request = encode_request(ACCESS_REQUEST, 2, nonce, [NAME, *ANSWERS_PEAP, attribute(24, state)], SECRET)
    door.server.datagramReceived(request, ("192.0.2.1", 5000))
    while not door.factor.asked:
        await door.settle()
    door.clock.advance(APPLIANCE_TIMEOUT - 1)
    assert door.wire.take() == []
    door.clock.advance(1)
    rejected = verify_response(await door.answer(), nonce, SECRET)
    assert (rejected.code, eap_of(rejected)) == (ACCESS_REJECT, eap(4, 2))
    assert [(record.username, record.reason) for record in door.records] == [("alice", Reason.TIMED_OUT)]


@pytest_twisted.ensureDeferred
async def test_conversation_without_end_is_ended(door: RelayDoor) -> None:
    state = await begin(door)
    for number in range(MOST_ROUNDS - 1):
        answer = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], number)
        assert answer.code == ACCESS_CHALLENGE
        state = answer.all(24)[0]
    ended = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 99)
    assert (ended.code, eap_of(ended)) == (ACCESS_REJECT, eap(4, 2))
    assert len(door.upstreams[0].requests) == MOST_ROUNDS


@pytest_twisted.ensureDeferred
async def test_long_eap_packets_cross_whole_both_ways(door: RelayDoor) -> None:
    certificate = eap(1, 2, 25, bytes(range(256)) * 4)
    door.upstreams[0].answer = says(ACCESS_CHALLENGE, [attribute(18, b"first"), *eap_messages(certificate)])
    sent = eap(2, 1, 25, bytes(range(255, -1, -1)) * 5)
    challenge = await door.ask(
        [NAME, attribute(4, b"\x7f\0\0\1"), *eap_messages(sent), attribute(12, b"\0\0\5\x78")]
    )
    assert eap_of(challenge) == certificate
    (request,) = door.upstreams[0].requests
    assert b"".join(request.all(79)) == sent
    places = [place for place, raw in enumerate(request.attributes) if raw[0] == 79]
    assert places == list(range(places[0], places[0] + len(places)))  # RFC 3579 3.1: without others between


@pytest_twisted.ensureDeferred
async def test_upstreams_eap_failure_crosses(door: RelayDoor) -> None:
    state = await begin(door)
    door.upstreams[0].answer = says(ACCESS_REJECT, eap_messages(eap(4, 2)))
    rejected = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 2)
    assert (rejected.code, rejected.all(79)) == (ACCESS_REJECT, [eap(4, 2)])
    assert door.factor.asked == []


# ---------------------------------------------------------------- MS-CHAP

CHANGE = [
    vendor_attribute(311, 11, b"c" * 16),
    vendor_attribute(311, 27, b"\x07\x05" + b"e" * 16 + b"p" * 16 + bytes(8) + b"r" * 24 + bytes(2)),
    *(vendor_attribute(311, 6, bytes((6, 5, 0, part)) + b"n" * 240) for part in (1, 2, 3)),
]


@pytest_twisted.ensureDeferred
async def test_password_change_crosses_with_its_parts_in_order(door: RelayDoor) -> None:
    success = vendor_attribute(311, 26, b"\x05S=" + b"0" * 40)
    door.upstreams[0].answer = says(ACCESS_ACCEPT, [success])
    accept = await door.ask([attribute(1, b"alice"), *CHANGE])
    (request,) = door.upstreams[0].requests
    assert [raw for raw in request.attributes if raw[0] == 26] == CHANGE
    assert accept.code == ACCESS_ACCEPT
    assert success in accept.attributes
    assert door.factor.asked == ["alice"]


@pytest_twisted.ensureDeferred
async def test_expired_password_is_told_so_that_it_can_be_changed(door: RelayDoor) -> None:
    error = vendor_attribute(311, 2, b"\x05E=648 R=0 C=" + b"0" * 32 + b" V=3 M=Password expired")
    door.upstreams[0].answer = says(ACCESS_REJECT, [error])
    response = vendor_attribute(311, 25, b"\x05" + bytes(49))
    rejected = await door.ask([attribute(1, b"alice"), CHANGE[0], response])
    assert [raw for raw in rejected.attributes if raw[0] == 26] == [error]
    assert door.factor.asked == []


@pytest_twisted.ensureDeferred
async def test_refused_password_change_has_the_idents_error(door: RelayDoor) -> None:
    door.upstreams[0].answer = says(ACCESS_ACCEPT, [vendor_attribute(311, 26, b"\x05S=" + b"0" * 40)])
    door.factor.verdict = Refused(Reason.PUSH_DENIED)
    rejected = await door.ask([attribute(1, b"alice"), *CHANGE])
    (error,) = [raw for raw in rejected.attributes if raw[0] == 26]
    assert error[6:7] + error[8:21] == b"\x02\x05E=691 R=0 C="
    assert rejected.all(18) == [ACCESS_DENIED.encode()]


@pytest_twisted.ensureDeferred
async def test_only_the_method_that_is_spoken_crosses(door: RelayDoor) -> None:
    """Two proofs in one request: an upstream server must not look at the one that we take no notice of."""
    await begin(door)
    await door.ask([*IDENTITY, *CHANGE, attribute(3, bytes(17))], 2)
    request = door.upstreams[0].requests[-1]
    assert request.all(79) and not request.all(26) and not request.all(3)


@pytest_twisted.ensureDeferred
async def test_challenge_in_answer_to_ms_chap_is_not_relayed(door: RelayDoor) -> None:
    door.upstreams[0].answer = says(ACCESS_CHALLENGE, [UPSTREAM_STATE])
    rejected = await door.ask([attribute(1, b"alice"), *CHANGE])
    assert rejected.code == ACCESS_REJECT
    assert [record.reason for record in door.records] == [Reason.UNSUPPORTED]


# ---------------------------------------------------------------- keys


@pytest_twisted.ensureDeferred
async def test_keys_are_encrypted_anew_for_the_appliance(door: RelayDoor) -> None:
    key = Sealed((311, 16), SALTED, b"", b"\x20" + b"k" * 32 + bytes(15))
    sent: list[bytes] = []

    def answer(request: Packet) -> bytes:
        sent.append(Seal(UPSTREAM_SECRET, request.authenticator).close(key))
        return reply(request, ACCESS_ACCEPT, [*SUCCESS, *sent])

    door.upstreams[0].answer = answer
    nonce = b"n" * 16
    datagram = await door.exchange(encode_request(ACCESS_REQUEST, 2, nonce, IDENTITY, SECRET))
    (crossed,) = [raw for raw in decode(datagram).attributes if raw[0] == 26]
    assert crossed != sent[0]
    assert Seal(SECRET, nonce).open(SALTED, crossed[8:]) == key.value
    assert b"k" * 8 not in datagram


@pytest.mark.parametrize(("identity", "code"), [(b"BOB", ACCESS_ACCEPT), (b"alice", ACCESS_REJECT)])
@pytest_twisted.ensureDeferred
async def test_a_name_of_the_device_other_than_the_user_name_is_not_taken_for_it(
    identity: bytes, code: int
) -> None:
    """Some upstream servers check the password of the name that EAP tells, and not the request's."""
    door = RelayDoor(rule=EapIdentity.INNER)
    name = attribute(1, b"bob")
    door.upstreams[0].answer = says(
        ACCESS_CHALLENGE, [UPSTREAM_STATE, *eap_messages(eap(1, 2, 4, b"\x10" + bytes(16)))]
    )
    challenge = await door.ask([name, *eap_messages(eap(2, 1, 1, identity))])
    door.upstreams[0].answer = says(ACCESS_ACCEPT, eap_messages(eap(3, 2)))
    md5 = eap_messages(eap(2, 2, 4, b"\x10" + bytes(16)))
    answer = await door.ask([name, *md5, attribute(24, challenge.all(24)[0])], 2)
    assert answer.code == code
    assert door.factor.asked == (["bob"] if code == ACCESS_ACCEPT else [])
    await door.close()


@pytest_twisted.ensureDeferred
async def test_outer_identity_is_trusted_by_option_only() -> None:
    for rule, code in ((EapIdentity.INNER, ACCESS_REJECT), (EapIdentity.OUTER, ACCESS_ACCEPT)):
        door = RelayDoor(rule=rule)
        door.factor.verdict = Allowed("push")
        state = await begin(door)
        door.upstreams[0].answer = says(ACCESS_ACCEPT, eap_messages(eap(3, 2)))
        answer = await door.ask([NAME, *ANSWERS_PEAP, attribute(24, state)], 2)
        assert answer.code == code
        assert door.factor.asked == ([] if rule is EapIdentity.INNER else ["anonymous"])
        await door.close()
