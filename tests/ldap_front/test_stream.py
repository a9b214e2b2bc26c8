"""A directory's answers on their way: the same bytes, however they are cut, and what is kept of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.ldap import ber, messages, responses
from authproxy.ldap.ber import BerError, Framer, Incomplete
from authproxy.ldap.messages import seal
from authproxy.ldap.responses import Result
from authproxy.ldap.stream import Gap, Head, Kept, Passing, ResponseStream, end_of_run, read_head


def result(message_id: int, tag: int, text: str = "") -> bytes:
    return seal(message_id, responses.encode_result(tag, Result(0, message=text)))


ENTRY = seal(3, responses.encode_entry(b"uid=alice", {b"jpegPhoto": [bytes(range(256)) * 3]}))
BIND = result(4, messages.BIND_RESPONSE, "bound")
DONE = result(3, messages.SEARCH_DONE)
NOTICE = result(0, messages.EXTENDED_RESPONSE)
LONG_FORM = b"\x30\x84\x00\x00\x00\x07\x02\x82\x00\x01\x05\x6f\x00"
TRAFFIC = ENTRY + BIND + ENTRY + DONE + result(300_000, 0x79) + LONG_FORM + NOTICE


def follow(pieces: list[bytes]) -> tuple[bytes, list[bytes], list[int]]:
    """What passed, what was kept, and which operations ended."""
    stream, passed, kept = ResponseStream(), b"", []
    for piece in pieces:
        for one in stream.feed(piece):
            match one:
                case Passing(data):
                    assert data
                    passed += data
                case Kept(head, frame):
                    assert head.size == len(frame)
                    kept.append(frame)
    return passed, kept, stream.ended


WHOLE = (TRAFFIC.replace(BIND, b"").replace(NOTICE, b""), [BIND, NOTICE], [3, 5])


def test_whole_traffic() -> None:
    assert follow([TRAFFIC]) == WHOLE


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_traffic_in_small_pieces(size: int) -> None:
    assert follow([TRAFFIC[at : at + size] for at in range(0, len(TRAFFIC), size)]) == WHOLE


def test_traffic_cut_at_every_byte() -> None:
    for at in range(len(TRAFFIC)):
        assert follow([TRAFFIC[:at], TRAFFIC[at:]]) == WHOLE


def test_what_only_passes_is_not_copied() -> None:
    data = ENTRY * 20 + DONE
    (piece,) = ResponseStream().feed(data)
    assert isinstance(piece, Passing) and piece.data is data


def test_a_large_entry_passes_without_being_held() -> None:
    entry = seal(3, responses.encode_entry(b"uid=alice", {b"jpegPhoto": [bytes(40_000_000)]}))
    stream = ResponseStream()
    for at in range(0, len(entry), 65_536):
        assert sum(len(one.data) for one in stream.feed(entry[at : at + 65_536]) if isinstance(one, Passing)) == (
            len(entry[at : at + 65_536])
        )


@pytest.mark.parametrize(
    "data",
    [b"\x31\x05\x02\x01\x01\x65\x00", b"\x30\x80\x02\x01\x01\x65\x00",
     b"\x30\x85\x00\x00\x00\x00\x05\x02\x01\x01\x65",
     b"\x30\x03\x02\x01\x01\x30\x03", b"\x30\x05\x04\x01\x01\x65\x00", b"\x30\x02\x02\x00\x65\x00",
     b"\x30\x84\x00\x20\x00\x00\x02\x01\x04\x61\x84\x00\x1f\xff\xf0"],
)  # fmt: skip
def test_what_is_no_stream_of_messages_is_an_error(data: bytes) -> None:
    with pytest.raises(BerError):
        follow([data])


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_bytes_pass_unchanged_or_are_an_error(data: bytes, at: int) -> None:
    try:
        passed, kept, _ = follow([data])
    except BerError:
        return
    if not kept:
        assert data.startswith(passed)
    try:
        assert follow([data[:at], data[at:]])[:2] == (passed, kept)
    except BerError:
        pytest.fail("cut in two it is an error")


def test_heads() -> None:
    assert read_head(ENTRY, 0) == Head(3, 0x64, len(ENTRY))
    assert read_head(b"xx" + LONG_FORM, 2) == Head(5, 0x6F, len(LONG_FORM))
    for cut in range(12):
        with pytest.raises(Incomplete):
            read_head(LONG_FORM[: min(cut, 11)], 0)


@given(
    st.lists(st.tuples(st.sampled_from([3, 3, 3, 4, 130]), st.integers(0, 300), st.integers(0, 4)), max_size=12),
    st.integers(0, 400),
)
def test_a_run_of_entries_ends_at_the_first_other_or_incomplete_message(
    entries: list[tuple[int, int, int]], cut: int
) -> None:
    """Each with message ID, size, and how many octets there are of its length, 0 for the shortest form."""
    encoded = [_entry(*entry) for entry in entries]
    data = b"".join(encoded)
    data = data[: max(0, len(data) - cut)]
    wanted = 0
    for (message_id, _, octets), entry in zip(entries, encoded, strict=True):
        if message_id != 3 or octets == 3 or wanted + len(entry) > len(data):
            break
        wanted += len(entry)
    assert end_of_run(b"xx" + data, 2, b"\x02\x01\x03\x64") == wanted + 2


def _entry(message_id: int, size: int, octets: int) -> bytes:
    body = ber.integer(message_id) + ber.tlv(messages.SEARCH_ENTRY, bytes(size))
    if not octets:
        return ber.tlv(ber.SEQUENCE, body)
    octets = max(octets, (len(body).bit_length() + 7) // 8)
    return bytes((0x30, 0x80 | octets)) + len(body).to_bytes(octets, "big") + body


def test_a_run_is_left_where_a_message_has_no_room_for_what_it_should_begin_with() -> None:
    assert end_of_run(b"\x30\x03\x02\x01\x03\x64\x00" + ENTRY, 0, b"\x02\x01\x03\x64") == 0


def test_what_stands_before_nonsense_passes() -> None:
    """Also the rest of a message whose beginning has passed: whoever has half of it must get the other half."""
    stream = ResponseStream()
    passed = list(stream.feed(ENTRY[:400]))
    with pytest.raises(BerError):
        passed.extend(stream.feed(ENTRY[400:] + DONE + b"nonsense"))
    assert b"".join(one.data for one in passed if isinstance(one, Passing)) == ENTRY + DONE
    assert not stream.is_amid


def test_a_gap_is_where_whole_messages_have_passed() -> None:
    for at in range(1, len(TRAFFIC)):
        stream = ResponseStream()
        passed = b"".join(one.data for one in stream.feed(TRAFFIC[:at]) if isinstance(one, Passing))
        assert stream.is_amid is bool(_pending(passed))
        stream.is_gap_wanted = True
        for one in stream.feed(TRAFFIC[at:]):
            if isinstance(one, Gap):
                break
            passed += one.data if isinstance(one, Passing) else b""
        else:
            raise AssertionError("no gap was shown")
        assert not _pending(passed)


def _pending(passed: bytes) -> int:
    framer = Framer(1 << 20)
    framer.feed(passed)
    assert framer.failure is None
    return framer.pending
