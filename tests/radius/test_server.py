"""The server's shell: what is answered, what is dropped, what is said about it."""

from __future__ import annotations

import os
import random
from ipaddress import ip_address

import pytest
from twisted.internet.defer import Deferred

from authproxy.config.settings import Appliance, ServerMode
from authproxy.config.settings import RequireMessageAuthenticator as Require
from authproxy.model import Accept, AuthRequest, Challenge, Outcome, Reject
from authproxy.radius import droplog
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    ACCOUNTING_REQUEST,
    EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    REPLY_MESSAGE,
    STATE,
    STATUS_SERVER,
    USER_NAME,
    Packet,
    attribute,
    decode,
    encode_request,
    vendor_attribute,
    verify_response,
)
from authproxy.radius.signing import NO_SIGNATURE, NO_SIGNATURE_ANY_MORE, UNEXPECTED_PROXY_STATE
from authproxy.secret import Secret
from tests.conftest import LoggedFailures
from tests.radius.door import PEER, Door, Lines
from tests.radius.wire import SECRET, pap, typical, unsigned_request

NONCE = bytes(range(16))


@pytest.fixture
def door() -> Door:
    return Door()


def only(answers: list[bytes], nonce: bytes = NONCE) -> Packet:
    assert len(answers) == 1
    return verify_response(answers[0], nonce, SECRET, must_be_signed=True)


def login(password: bytes = b"pass,123456", **rest: object) -> bytes:
    rest.setdefault("authenticator", NONCE)
    return pap(password=password, **rest)  # type: ignore[arg-type]


# ---------------------------------------------------------------- answers


def test_login_is_accepted_with_message_authenticator_first(door: Door) -> None:
    reply = only(door.send(login()))
    assert (reply.code, reply.identifier) == (ACCESS_ACCEPT, 7)
    assert reply.attributes[0][0] == MESSAGE_AUTHENTICATOR
    assert reply.first(REPLY_MESSAGE) == b"Success. Logging you in..."


def test_login_is_rejected_with_a_message(door: Door) -> None:
    reply = only(door.send(login(b"wrong")))
    assert (reply.code, reply.first(REPLY_MESSAGE)) == (ACCESS_REJECT, b"Access denied.")


def test_challenge_carries_state_and_its_answer_is_resumed(door: Door) -> None:
    reply = only(door.send(login(b"challenge")))
    state = reply.first(STATE)
    assert (reply.code, state, reply.first(REPLY_MESSAGE)) == (
        ACCESS_CHALLENGE,
        b"right-state",
        b"Enter a passcode",
    )
    answer = login(b"123456", more=[attribute(STATE, state or b"")], identifier=8)
    assert only(door.send(answer)).code == ACCESS_ACCEPT
    assert [(given, request.password) for given, request in door.judge.resumed] == [(b"right-state", b"123456")]


@pytest.mark.parametrize("state", [b"", b"unknown"])
def test_request_with_any_state_is_never_a_new_login(door: Door, state: bytes) -> None:
    assert only(door.send(login(more=[attribute(STATE, state)]))).code == ACCESS_REJECT
    assert door.judge.started == []


def test_request_reaches_the_authenticator_whole() -> None:
    door = Door(pass_through_attr_names=("Class", "Cisco-AVPair"))
    avpair = vendor_attribute(9, 1, b"mdm-tlv=x")
    door.send(login("pä,ss".encode("latin-1"), username="Jürgen".encode(),
                    more=[attribute(31, b"203.0.113.9:4500"), attribute(25, b"c"), avpair]),
              peer=("::ffff:192.0.2.77", 5))  # fmt: skip
    (request,) = door.judge.started
    assert request.username == "Jürgen"
    assert request.password == b"p\xe4,ss"
    assert (request.section, request.nas, request.client_ip) == ("radius_server_auto", "192.0.2.77", "203.0.113.9")
    assert request.relayed == (attribute(25, b"c"), avpair)
    assert len(request.login_id) == 10


def test_proxy_states_are_echoed_in_their_order(door: Door) -> None:
    states = [attribute(PROXY_STATE, text) for text in (b"B", b"A", b"B")]
    reply = only(door.send(login(more=states)))
    assert [raw for raw in reply.attributes if raw[0] == PROXY_STATE] == states


def test_status_server_is_answered(door: Door) -> None:
    reply = only(door.send(encode_request(STATUS_SERVER, 3, NONCE, [], SECRET)))
    assert (reply.code, reply.identifier) == (ACCESS_ACCEPT, 3)


# ---------------------------------------------------------------- retransmission


def test_retransmission_while_push_is_pending_is_silent_then_answered_with_same_bytes(door: Door) -> None:
    datagram = login(b"wait")
    assert door.send(datagram) == []
    assert door.send(datagram) == []
    assert door.server.pending == len(door.judge.started) == 1
    door.judge.decide(Accept("ok"))
    answers = door.wire.take()
    assert only(answers).code == ACCESS_ACCEPT
    door.clock.advance(29)
    assert door.send(datagram) == answers
    assert len(door.judge.started) == 1
    assert door.server.pending == 0


def test_ten_retransmissions_make_one_login(door: Door) -> None:
    datagram = login(b"wait")
    for _ in range(10):
        door.send(datagram)
    door.judge.decide(Reject())
    assert only(door.wire.take()).code == ACCESS_REJECT
    assert len(door.judge.started) == 1


def test_answer_to_a_replaced_request_is_not_sent(door: Door) -> None:
    second = os.urandom(16)
    door.send(login(b"wait"))
    door.send(login(b"wait", authenticator=second))
    with Lines() as lines:
        door.judge.decide(Accept("late"))
    assert door.wire.take() == []
    assert len(lines.having("has asked anew")) == 1
    door.judge.decide(Accept("fresh"))
    assert only(door.wire.take(), second).first(REPLY_MESSAGE) == b"fresh"


def test_same_identifier_from_another_port_is_another_login(door: Door) -> None:
    door.send(login(b"wait"))
    door.send(login(b"wait"), peer=(PEER[0], 5001))
    assert len(door.judge.started) == 2


def test_logins_beyond_the_room_are_dropped_and_counted(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door.server._exchange, "_capacity", 2)
    for identifier in range(4):
        door.send(login(b"wait", identifier=identifier))
    assert len(door.judge.started) == 2
    assert door.dropped(droplog.NO_ROOM) == 2
    door.judge.decide(Accept("ok"))
    door.wire.take()
    assert only(door.send(login(identifier=9))).code == ACCESS_ACCEPT


# ---------------------------------------------------------------- what is dropped


@pytest.mark.parametrize(
    ("datagram", "peer", "reason"),
    [
        (typical(), ("203.0.113.1", 5000), droplog.UNKNOWN_CLIENT),
        (b"garbage", ("203.0.113.1", 5000), droplog.UNKNOWN_CLIENT),
        (b"garbage", PEER, "shorter than a RADIUS header"),
        (pap(secret=b"wrong"), PEER, droplog.WRONG_SIGNATURE),
        (encode_request(STATUS_SERVER, 1, NONCE, [], b"wrong"), PEER, droplog.WRONG_SIGNATURE),
        (unsigned_request([], code=STATUS_SERVER), PEER, droplog.UNSIGNED_STATUS),
        (unsigned_request([], code=ACCOUNTING_REQUEST), PEER, droplog.ACCOUNTING),
        (unsigned_request([], code=ACCESS_ACCEPT), PEER, droplog.NOT_SERVED),
        (unsigned_request([], code=200), PEER, droplog.NOT_SERVED),
        (unsigned_request([attribute(EAP_MESSAGE, b"x")]), PEER, droplog.UNSIGNED_EAP),
        (pap(more=[attribute(PROXY_STATE, b"x")] * 17), PEER, "too many Proxy-States"),
        (pap(more=[attribute(PROXY_STATE, bytes(250))] * 9), PEER, "too many Proxy-States"),
        (pap(more=[attribute(USER_NAME, b"bob")]), PEER, "User-Name, User-Password or State twice"),
        (
            encode_request(ACCESS_REQUEST, 1, NONCE, [attribute(1, b"a"), attribute(2, b"short")], SECRET),
            PEER,
            "User-Password of a wrong length",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_datagram_is_dropped_counted_and_named_once(
    door: Door, datagram: bytes, peer: tuple[str, int], reason: str
) -> None:
    with Lines() as lines:
        for _ in range(3):
            assert door.send(datagram, peer) == []
    assert door.dropped(reason) == 3
    assert len(lines.having(f"dropped a datagram from {peer[0]}: {reason}")) == 1
    assert (door.judge.started, door.server.pending) == ([], 0)
    assert only(door.send(login())).code == ACCESS_ACCEPT


def test_drops_of_a_minute_are_counted_in_the_next_line(door: Door) -> None:
    with Lines() as lines:
        for _ in range(100):
            door.send(b"garbage")
        door.clock.advance(60)
        door.send(b"garbage")
    assert len(lines.texts) == 2
    assert "(99 more of these before)" in lines.texts[1]


@pytest.mark.parametrize(
    ("method", "attributes"),
    [
        ("CHAP", [attribute(3, b"x" * 17)]),
        ("MS-CHAP", [vendor_attribute(311, 11, b"c" * 8), vendor_attribute(311, 1, b"r" * 50)]),
        ("MS-CHAPv2", [vendor_attribute(311, 11, b"c" * 16), vendor_attribute(311, 25, b"r" * 50)]),
        ("EAP", [attribute(EAP_MESSAGE, b"\x02\x01\x00\x05\x01")]),
        ("PAP", []),
    ],
)
def test_other_method_than_pap_is_rejected_and_the_log_says_what_to_do(
    door: Door, method: str, attributes: list[bytes]
) -> None:
    datagrams = [
        encode_request(ACCESS_REQUEST, identifier, NONCE, [attribute(USER_NAME, b"alice"), *attributes], SECRET)
        for identifier in range(3)
    ]
    with Lines() as lines:
        replies = [only(door.send(datagram)) for datagram in datagrams]
    assert [reply.code for reply in replies] == [ACCESS_REJECT] * 3
    assert door.judge.started == []
    (line,) = lines.having("set the appliance to PAP")
    assert method in line
    assert PEER[0] in line


@pytest.mark.parametrize("username", [b"", b"  ", b"al\nice", b"alice\0", b"al\x85ice", "al\u2028ice".encode()])
def test_missing_or_unprintable_name_is_rejected(door: Door, username: bytes) -> None:
    with Lines() as lines:
        assert only(door.send(login(username=username))).code == ACCESS_REJECT
    assert lines.having("no User-Name")
    assert door.judge.started == []


# ---------------------------------------------------------------- force_message_authenticator


def test_yes_drops_what_is_not_signed() -> None:
    door = Door(force_message_authenticator=Require.YES)
    assert door.send(login(is_signed=False)) == []
    assert door.dropped(NO_SIGNATURE) == 1
    assert only(door.send(login())).code == ACCESS_ACCEPT


def test_no_serves_what_is_not_signed_but_never_what_is_signed_wrongly() -> None:
    door = Door(force_message_authenticator=Require.NO)
    door.send(login())
    unsigned = login(is_signed=False, identifier=8, more=[attribute(PROXY_STATE, b"x")])
    assert only(door.send(unsigned)).code == ACCESS_ACCEPT
    assert door.send(login(secret=b"wrong", identifier=9)) == []


def test_auto_holds_each_client_to_what_it_has_shown(door: Door) -> None:
    with Lines() as lines:
        for identifier in range(3):
            assert only(door.send(login(is_signed=False, identifier=identifier))).code == ACCESS_ACCEPT
    assert len(lines.having("sends no Message-Authenticator")) == 1
    assert only(door.send(login(identifier=4))).code == ACCESS_ACCEPT
    assert door.send(login(is_signed=False, identifier=5)) == []
    assert door.dropped(NO_SIGNATURE_ANY_MORE) == 1
    other = ("192.0.2.2", 5000)
    assert only(door.send(login(is_signed=False, identifier=6), other)).code == ACCESS_ACCEPT


def test_unsigned_requests_of_invented_addresses_do_not_flood_the_log() -> None:
    everyone = Door(appliances=(Appliance(ip_address("0.0.0.0"), ip_address("255.255.255.255"), Secret("x"), 1),))
    datagram = unsigned_request([attribute(3, b"x" * 17)])
    with Lines() as lines:
        for number in range(6_000):
            everyone.send(datagram, (f"10.0.{number // 250}.{number % 250}", 5000))
    assert 1 < len(lines.texts) < 600
    assert lines.having("many sources")


def test_auto_learns_nothing_from_a_wrong_signature_or_from_status_server(door: Door) -> None:
    door.send(login(secret=b"wrong"))
    door.send(encode_request(STATUS_SERVER, 3, NONCE, [], SECRET))
    assert only(door.send(login(is_signed=False, identifier=8))).code == ACCESS_ACCEPT


def test_auto_drops_unsigned_proxy_state_of_a_client_that_is_no_proxy(door: Door) -> None:
    door.send(login(is_signed=False))
    assert door.send(login(is_signed=False, identifier=8, more=[attribute(PROXY_STATE, b"x")])) == []
    assert door.dropped(UNEXPECTED_PROXY_STATE) == 1


# ---------------------------------------------------------------- mistakes of ours


def test_authenticator_that_raises_gives_a_reject_and_a_logged_failure(
    door: Door, logged_failures: LoggedFailures
) -> None:
    def fail(_request: AuthRequest) -> Outcome:
        raise RuntimeError("oops")

    door.judge.outcome = fail
    assert only(door.send(login())).code == ACCESS_REJECT
    assert [str(event["log_failure"].value) for event in logged_failures.flush()] == ["oops"]
    assert door.server.pending == 0


def test_outcome_that_can_not_be_encoded_gives_a_reject(door: Door, logged_failures: LoggedFailures) -> None:
    door.judge.outcome = lambda _request: Challenge("text", bytes(300))
    assert only(door.send(login())).code == ACCESS_REJECT
    assert len(logged_failures.flush()) == 1


def test_exception_on_a_datagram_is_logged_once_and_the_server_goes_on(
    door: Door, logged_failures: LoggedFailures, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(door.server, "_reader", None)
        for identifier in range(5):
            assert door.send(login(identifier=identifier)) == []
    assert len(logged_failures.flush()) == 1
    assert door.dropped(droplog.BUG) == 5
    assert only(door.send(login())).code == ACCESS_ACCEPT


def test_answer_that_can_not_be_sent_is_kept_for_the_retransmission(door: Door) -> None:
    door.wire.error = OSError(11, "no buffer")
    assert door.send(login()) == []
    assert door.dropped(droplog.CANT_SEND) == 1
    door.wire.error = None
    assert only(door.send(login())).code == ACCESS_ACCEPT
    assert len(door.judge.started) == 1


def test_login_decided_after_the_port_was_closed_is_forgotten(door: Door) -> None:
    door.send(login(b"wait"))
    door.server.transport = None
    door.judge.decide(Accept("late"))
    assert (door.server.pending, door.wire.take()) == (0, [])


# ---------------------------------------------------------------- the log


def test_every_login_ends_with_its_response_code_and_carries_its_id(door: Door) -> None:
    with Lines() as lines:
        for identifier, password in enumerate([b"pass,123456", b"wrong", b"challenge"]):
            door.send(login(password, identifier=identifier))
    ends = [event for event in lines.events if "Returning response code" in event["log_format"]]
    assert [text.partition(": ")[2] for text in lines.having("Returning")] == [
        "Returning response code 2: AccessAccept to 192.0.2.1",
        "Returning response code 3: AccessReject to 192.0.2.1",
        "Returning response code 11: AccessChallenge to 192.0.2.1",
    ]
    assert [event["login"] for event in ends] == [request.login_id for request in door.judge.started]


def test_debug_shows_attributes_by_name_and_no_secret() -> None:
    door = Door(debug=True)
    secrets = [b"C4nary-password", b"C4nary-state", b"C4nary-psk"]
    more = [
        attribute(31, b"203.0.113.9"),
        vendor_attribute(25461, 9, b"laptop"),
        attribute(26, b"\0\0\0\x09" + b"\x01\x05a=b" + b"\x02\x07port1"),
        vendor_attribute(14988, 16, secrets[2]),
    ]
    with Lines() as lines:
        door.send(login(secrets[0], more=more))
        door.send(login(secrets[0], more=[attribute(STATE, secrets[1])], identifier=8))
    for text in (
        "login attempt for username alice from 192.0.2.1, client address 203.0.113.9, identifier 7",
        "request: Calling-Station-Id = 203.0.113.9",
        "request: PaloAlto-Client-Hostname = laptop",
        "request: Cisco-AVPair = a=b",
        "request: Cisco-NAS-Port = port1",
        "request: User-Password = <16 octets>",
        "request: State = <12 octets>",
        "answer: Reply-Message = Access denied.",
    ):
        assert lines.having(text), text
    everything = "\n".join(repr(event) for event in lines.events) + "\n".join(lines.texts)
    for secret in (*secrets, SECRET):
        assert secret.decode() not in everything
        assert secret.hex() not in everything


def test_without_debug_no_attribute_is_described(door: Door) -> None:
    with Lines() as lines:
        door.send(login())
    assert len(lines.texts) == 1


def test_unknown_attribute_names_in_the_configuration_are_said_at_start() -> None:
    with Lines() as lines:
        Door(client_ip_attr="Caling-Station-Id", pass_through_attr_names=("Class", "Clas"))
    assert len(lines.having("no dictionary has an attribute named")) == 2


def test_every_pass_through_that_does_not_fit_is_left_out_and_said(door: Door) -> None:
    passed = tuple(attribute(25, bytes((number,)) * 250) for number in range(20))
    door.judge.outcome = lambda _request: Accept("ok", passed)
    states = [attribute(PROXY_STATE, b"S" * 200)] * 5
    with Lines() as lines:
        (datagram,) = door.send(login(more=states))
    reply = verify_response(datagram, NONCE, SECRET)
    kept = [raw for raw in reply.attributes if raw[0] == 25]
    assert kept == list(passed[: len(kept)])
    assert reply.all(PROXY_STATE) == [b"S" * 200] * 5
    assert len(datagram) <= 4096 < len(datagram) + 252
    assert lines.having(f"{20 - len(kept)} passed-through attributes did not fit")


# ---------------------------------------------------------------- modes and vendors


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, b"pass,123456"),
        ({"delimiter": ":"}, b"pass:123456"),
        ({"mode": ServerMode.DUO_ONLY}, b"123456"),
        ({"mode": ServerMode.CHALLENGE}, b"SCRV1:cGFzcw==:MTIzNDU2"),
        ({"allow_concat": False}, b"SCRV1:cGFzcw==:MTIzNDU2"),
        ({"delimited_password_length": 4}, b"SCRV1:cGFzcw==:MTIzNDU2"),
    ],
)
def test_static_challenge_of_openvpn_is_unwrapped_where_that_is_unambiguous(
    changes: dict[str, object], field: bytes
) -> None:
    door = Door(**changes)
    door.send(login(b"SCRV1:cGFzcw==:MTIzNDU2"))
    assert [request.password for request in door.judge.started] == [field]


def test_many_logins_of_random_passwords_arrive_octet_for_octet(door: Door) -> None:
    chance = random.Random(4)
    for number in range(300):
        password = bytes(chance.randrange(1, 256) for _ in range(chance.randrange(1, 129)))
        only(door.send(login(password, identifier=number % 256), (PEER[0], 6000 + number)))
        assert door.judge.started[-1].password == password


def test_coroutine_that_waits_forever_holds_one_place_only(door: Door) -> None:
    door.send(login(b"wait"))
    assert isinstance(door.judge.waiting[0], Deferred)
    for identifier in range(8, 20):
        assert only(door.send(login(identifier=identifier))).code == ACCESS_ACCEPT
    assert door.server.pending == 1


def test_decoded_reply_of_a_login_shows_the_same_identifier_for_every_identifier(door: Door) -> None:
    for identifier in range(256):
        (datagram,) = door.send(login(identifier=identifier))
        assert decode(datagram).identifier == identifier
