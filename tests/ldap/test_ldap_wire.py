"""BER and messages: whatever comes in, only BerError or Incomplete comes out; ldap3 reads what we write."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.protocol.rfc4511 import LDAPMessage
from pyasn1.codec.ber import decoder

from authproxy.ldap import ber, filters, messages, requests, responses
from authproxy.ldap.ber import BerError, Framer, Incomplete
from authproxy.ldap.filters import And, Equal, Present
from authproxy.ldap.messages import Control, open_envelope, seal
from authproxy.ldap.requests import Abandon, Extended, SaslBind, Scope, Search, SimpleBind, Unbind
from authproxy.ldap.responses import Result
from authproxy.ldap.session import Session

REQUESTS = [
    SimpleBind(b"cn=svc,dc=example", b"p\x00\xff"),
    SaslBind(b"", b"GSS-SPNEGO", b"token"),
    SaslBind(b"", b"EXTERNAL", None),
    Unbind(),
    Abandon(300),
    Extended(messages.START_TLS),
    Extended(b"1.2.3", b"value"),
    Search(b"dc=example", Scope.SUBTREE, And((Equal("uid", b"x*)("), Present("mail"))), (b"mail", b"cn"), 2, 10),
]
RESULTS = [
    (messages.BIND_RESPONSE, Result(49, b"", "80090308: data 52e, v1db1")),
    (messages.BIND_RESPONSE, Result(14, b"", "", b"", b"challenge")),
    (messages.SEARCH_DONE, Result(32, b"dc=example", "no such thing")),
    (messages.EXTENDED_RESPONSE, Result(0, b"", "", b"1.2.3", b"value")),
]
FRAMES = [seal(number * 100 + 5, requests.encode(one)) for number, one in enumerate(REQUESTS)]
FRAMES += [seal(7, responses.encode_result(tag, result)) for tag, result in RESULTS]
FRAMES.append(seal(9, responses.encode_entry(b"cn=x", {b"Mail": [b"a", b"b"], b"empty": []})))
CONTROLS = messages.encode_controls(Control(b"1.2.3", True, b"v"), Control(b"1.4", False, None))
FRAMES.append(seal(3, b"\x42\x00" + CONTROLS))
GOODBYE = Result(52, b"", "bye", messages.NOTICE_OF_DISCONNECTION)


def read_all(frame: bytes) -> None:
    """Everything either side would do with a message."""
    envelope = open_envelope(frame)
    list(messages.open_controls(envelope.controls))
    requests.decode(envelope)
    for read in (responses.decode_result, responses.decode_entry):
        with suppress(BerError):
            read(envelope)


@pytest.mark.parametrize("request_value", REQUESTS, ids=lambda one: type(one).__name__)
def test_requests_read_back_as_written(request_value: requests.Request) -> None:
    assert requests.decode(open_envelope(seal(1, requests.encode(request_value)))) == request_value


@pytest.mark.parametrize(("tag", "result"), RESULTS)
def test_results_read_back_as_written(tag: int, result: Result) -> None:
    assert responses.decode_result(open_envelope(seal(1, responses.encode_result(tag, result)))) == result


@pytest.mark.parametrize("frame", FRAMES)
def test_ldap3s_decoder_reads_every_frame_that_we_write(frame: bytes) -> None:
    if open_envelope(frame).tag == messages.SEARCH_REQUEST:
        pytest.skip("pyasn1 can't decode ldap3's filters")
    message, rest = decoder.decode(frame, asn1Spec=LDAPMessage())
    assert rest == b"" and int(message["messageID"]) == open_envelope(frame).message_id


@pytest.mark.parametrize("frame", FRAMES)
def test_a_message_cut_anywhere_is_incomplete_and_a_stream_split_anywhere_reads_the_same(frame: bytes) -> None:
    stream = frame + FRAMES[0]
    for cut in range(len(frame)):
        if cut:
            with pytest.raises(Incomplete):
                ber.frame_end(frame[:cut], 0, ber.REQUEST_LIMIT)
        framer = Framer(ber.REQUEST_LIMIT)
        assert framer.feed(stream[:cut]) + framer.feed(stream[cut:]) == [frame, FRAMES[0]]
    framer = Framer(ber.REQUEST_LIMIT)
    assert [one for byte in stream for one in framer.feed(bytes((byte,)))] == [frame, FRAMES[0]]


@given(st.sampled_from(FRAMES), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4))
def test_a_message_with_bytes_changed_is_read_or_refused(frame: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(frame)
    for place, value in changes:
        changed[place % len(changed)] = value
    try:
        read_all(bytes(changed))
    except BerError as error:
        assert str(error)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_wait_for_more(data: bytes) -> None:
    for read in (lambda: read_all(data), lambda: filters.decode(data, 0, len(data))):
        try:
            read()
        except (BerError, Incomplete) as error:
            assert str(error)
    session: Session[str] = Session()
    session.send(b"\x63\x00", messages.SEARCH_DONE, "search", 0.0)
    answers = session.receive(data)
    assert len(answers) <= 1 and (session.failure is None or str(session.failure))


def test_a_claimed_gigabyte_is_refused_before_it_is_buffered() -> None:
    framer = Framer(ber.REQUEST_LIMIT)
    assert framer.feed(b"\x30\x84\x40\x00\x00\x00") == []
    assert "limit" in str(framer.failure)


@pytest.mark.parametrize("head", [b"\x30\x80", b"\x30\x85\x00\x00\x00\x00\x01", b"\x31\x03", b"GET / HTTP/1.1"])
def test_what_is_no_ldap_is_refused(head: bytes) -> None:
    with pytest.raises(BerError):
        ber.frame_end(head, 0, ber.REQUEST_LIMIT)


def test_messages_before_a_broken_one_are_still_delivered() -> None:
    framer = Framer(ber.REQUEST_LIMIT)
    assert framer.feed(FRAMES[0] + b"\x00\x00") == [FRAMES[0]]
    assert framer.failure is not None


def test_a_filter_nested_too_deep_is_refused() -> None:
    nested = filters.encode(Present("a"))
    for _ in range(3000):
        nested = ber.tlv(0xA2, nested)
    with pytest.raises(BerError, match="nested"):
        filters.decode(nested, 0, len(nested))


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_read_back(number: int) -> None:
    encoded = ber.integer(number)
    start, stop = ber.expect(encoded, 0, len(encoded), ber.INTEGER)
    assert ber.number(encoded, start, stop) == number
    assert int(decoder.decode(encoded)[0]) == number


def test_a_password_is_in_no_representation() -> None:
    assert "canary" not in repr((SimpleBind(b"n", b"canary"), SaslBind(b"n", b"m", b"canary")))


# ---------------------------------------------------------------- the session


def entry(message_id: int, dn: bytes) -> bytes:
    return seal(message_id, responses.encode_entry(dn, {b"uid": [dn]}))


def done(message_id: int, tag: int = messages.SEARCH_DONE, code: int = 0) -> bytes:
    return seal(message_id, responses.encode_result(tag, Result(code)))


def test_answers_out_of_order_find_their_questions() -> None:
    session: Session[str] = Session()
    for name in ("first", "second"):
        session.send(b"\x63\x00", messages.SEARCH_DONE, name, 0.0)
    stream = entry(2, b"two") + entry(1, b"one") + done(2) + done(1)
    ended = [one for byte in stream for one in session.receive(bytes((byte,)))]
    assert [(who, answer.entries[0].dn) for who, answer in ended] == [("second", b"two"), ("first", b"one")]
    assert not session.outstanding and session.failure is None


def test_an_abandoned_search_may_still_be_answered() -> None:
    session: Session[str] = Session()
    session.send(b"\x63\x00", messages.SEARCH_DONE, "gone", 0.0)
    assert b"\x50\x01\x01" in session.abandon("gone")
    assert session.receive(entry(1, b"x") + done(1)) == [] and session.failure is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (done(99), "nobody asked"),
        (done(1, messages.BIND_RESPONSE), "another kind"),
        (seal(1, b"\x42\x00"), "no answer"),
        (seal(0, responses.encode_result(messages.EXTENDED_RESPONSE, GOODBYE)), "bye"),
    ],
)  # fmt: skip
def test_a_broken_or_ending_conversation_says_why(data: bytes, words: str) -> None:
    session: Session[str] = Session()
    session.send(b"\x63\x00", messages.SEARCH_DONE, "search", 0.0)
    assert session.receive(data) == []
    assert words in str(session.failure)


def test_an_answer_before_the_goodbye_is_delivered() -> None:
    session: Session[str] = Session()
    session.send(b"\x63\x00", messages.SEARCH_DONE, "search", 0.0)
    assert [who for who, _ in session.receive(done(1) + done(99))] == ["search"]
    assert session.failure is not None


def test_message_ids_wrap_around_without_meeting_one_in_use() -> None:
    session: Session[str] = Session()
    session.send(b"\x63\x00", messages.SEARCH_DONE, "old", 0.0)
    session._last_id = messages.MAX_MESSAGE_ID - 1
    sent = [session.send(b"\x63\x00", messages.SEARCH_DONE, "new", 0.0) for _ in range(2)]
    assert [open_envelope(one).message_id for one in sent] == [messages.MAX_MESSAGE_ID, 2]
