"""The SASL security layer as a pure object: buffers in any pieces, bounds, and what was changed on its way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.ldap.sasl import SaslError, SecurityLayer


class Reversed:
    """Seals by reversing, with a mark in front."""

    def wrap(self, data: bytes) -> bytes:
        return b"!" + data[::-1]

    def unwrap(self, data: bytes) -> bytes:
        if data[:1] != b"!":
            raise SaslError("changed")
        return data[:0:-1]


def test_a_message_becomes_one_buffer_with_its_length() -> None:
    assert SecurityLayer(Reversed()).send(b"abc") == b"\0\0\0\x04!cba"


def test_long_messages_are_cut_into_buffers_that_servers_take() -> None:
    sent = SecurityLayer(Reversed()).send(bytes(150_000))
    assert max(int.from_bytes(sent[at : at + 4], "big") for at in (0, 60_005, 120_010)) < 65_536
    assert SecurityLayer(Reversed()).receive(sent) == bytes(150_000)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 17))
def test_what_was_sent_comes_out_whatever_the_pieces(messages: list[bytes], size: int) -> None:
    sent = b"".join(SecurityLayer(Reversed()).send(message) for message in messages)
    layer = SecurityLayer(Reversed())
    received = b"".join(layer.receive(sent[at : at + size]) for at in range(0, len(sent), size))
    assert received == b"".join(messages)


def test_a_buffer_over_the_limit_is_refused_by_its_length_alone() -> None:
    layer = SecurityLayer(Reversed(), limit=100)
    assert layer.receive(b"\0\0\0") == b""
    with pytest.raises(SaslError, match="101 bytes"):
        layer.receive(b"\x65")


def test_what_was_changed_is_not_given_on() -> None:
    with pytest.raises(SaslError, match="changed"):
        SecurityLayer(Reversed()).receive(b"\0\0\0\x04?cba")
