"""Packets: vectors of the RFCs, strictness, signatures, and pyrad as an oracle."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary as PyradDictionary
from pyrad.packet import AccessAccept, AuthPacket
from pyrad.packet import Packet as PyradPacket

from authproxy.radius.definitions import BUILT_IN
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    MAX_LENGTH,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    REPLY_MESSAGE,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    PacketError,
    attribute,
    decode,
    encode_request,
    encode_response,
    is_signature_valid,
    vendor_attribute,
    verify_response,
)
from authproxy.radius.password import hide, reveal
from tests.radius.wire import SECRET, pap, read_vector, typical, unprotected_response, unsigned_request

NONCE = bytes(range(16))
types = st.integers(1, 255).filter(lambda type_: type_ != MESSAGE_AUTHENTICATOR)
raw_attributes = st.lists(st.builds(attribute, types, st.binary(max_size=253)), max_size=15)


@pytest.fixture(scope="module")
def pyrad_words() -> PyradDictionary:
    return PyradDictionary(str(BUILT_IN))


# ---------------------------------------------------------------- the vector of RFC 2865 7.1


def test_request_of_rfc2865_7_1_is_read() -> None:
    vector = read_vector("rfc2865_7_1")
    packet = decode(vector.request)
    assert (packet.code, packet.identifier, len(packet.attributes)) == (ACCESS_REQUEST, 0, 4)
    assert packet.first(USER_NAME) == vector.user
    assert reveal(packet.first(USER_PASSWORD) or b"", vector.secret, packet.authenticator) == vector.password
    assert not packet.is_signed


def test_request_of_rfc2865_7_1_is_made() -> None:
    vector = read_vector("rfc2865_7_1")
    packet = decode(vector.request)
    hidden = attribute(USER_PASSWORD, hide(vector.password, vector.secret, packet.authenticator))
    attributes = [packet.attributes[0], hidden, *packet.attributes[2:]]
    assert unsigned_request(attributes, identifier=0, authenticator=packet.authenticator) == vector.request


def test_response_of_rfc2865_7_1_is_verified_and_every_changed_octet_is_noticed() -> None:
    vector = read_vector("rfc2865_7_1")
    nonce = decode(vector.request).authenticator
    assert verify_response(vector.response, nonce, vector.secret).code == ACCESS_ACCEPT
    for at in range(len(vector.response)):
        changed = bytearray(vector.response)
        changed[at] ^= 1
        with pytest.raises(PacketError):
            verify_response(bytes(changed), nonce, vector.secret)


# ---------------------------------------------------------------- strictness


@pytest.mark.parametrize("datagram", [read_vector("rfc2865_7_1").request, typical()], ids=["rfc2865", "typical"])
def test_packet_cut_at_any_octet_is_refused(datagram: bytes) -> None:
    for length in range(len(datagram)):
        with pytest.raises(PacketError):
            decode(datagram[:length])


@pytest.mark.parametrize("datagram", [read_vector("rfc2865_7_1").request, typical()], ids=["rfc2865", "typical"])
def test_packet_whose_length_field_is_cut_is_refused_unless_an_attribute_ends_there(datagram: bytes) -> None:
    ends = {20}
    for raw in decode(datagram).attributes:
        ends.add(max(ends) + len(raw))
    for length in range(len(datagram)):
        cut = datagram[:2] + length.to_bytes(2, "big") + datagram[4:]
        if length in ends:
            assert len(decode(cut).raw) == length
        else:
            with pytest.raises(PacketError):
                decode(cut)


def test_octets_beyond_the_length_field_are_padding() -> None:
    vector = read_vector("rfc2865_7_1")
    assert decode(vector.request + b"padding").raw == vector.request


MALFORMED_PACKET_IS_REFUSED = [
    (b"", "shorter than a RADIUS header"),
    (b"\x01\x00\x00\x13" + bytes(16), "length field out of range"),
    (b"\x01\x00\x10\x01" + bytes(4093), "length field out of range"),
    (b"\x01\x00\x00\x15" + bytes(16) + b"\x01", "attribute runs past the end"),
    (unsigned_request([b"\x01\x00"]), "attribute shorter than its header"),
    (unsigned_request([b"\x01\x01"]), "attribute shorter than its header"),
    (unsigned_request([b"\x01\x03"]), "attribute runs past the end"),
    (unsigned_request([b"\x50\x11" + bytes(15)]), "Message-Authenticator of a wrong length"),
    (unsigned_request([b"\x50\x13" + bytes(17)]), "Message-Authenticator of a wrong length"),
    (unsigned_request([b"\x50\x12" + bytes(16)] * 2), "more than one Message-Authenticator"),
    (unsigned_request([b"\x19\x02"] * 257), "too many attributes"),
]


def test_malformed_packet_is_refused_with_its_reason() -> None:
    for datagram, reason in MALFORMED_PACKET_IS_REFUSED:
        with pytest.raises(PacketError, match=f"^{reason}$"):
            decode(datagram)


def test_longest_packets_are_read() -> None:
    assert len(decode(unsigned_request([b"\x19\x02"] * 256)).attributes) == 256
    longest = [attribute(25, bytes(253))] * 15 + [attribute(25, bytes(249))]
    assert len(decode(unsigned_request(longest)).raw) == MAX_LENGTH


@given(st.binary(max_size=300))
def test_any_octets_are_a_packet_or_a_packet_error(data: bytes) -> None:
    for datagram in (data, b"\x01\x07" + len(data).to_bytes(2, "big") + data[4:]):
        try:
            packet = decode(datagram)
        except PacketError:
            continue
        assert b"".join(packet.attributes) == packet.raw[20:]


# ---------------------------------------------------------------- round trips


@given(st.integers(0, 255), raw_attributes, st.binary(min_size=1, max_size=40))
def test_request_survives_the_wire(identifier: int, attributes: list[bytes], secret: bytes) -> None:
    packet = decode(encode_request(ACCESS_REQUEST, identifier, NONCE, attributes, secret))
    assert (packet.identifier, packet.authenticator) == (identifier, NONCE)
    assert packet.attributes[0][0] == MESSAGE_AUTHENTICATOR
    assert list(packet.attributes[1:]) == attributes
    assert is_signature_valid(packet, secret)
    assert not is_signature_valid(packet, secret + b"x")


@given(st.sampled_from([ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE]), raw_attributes)
def test_response_survives_the_wire(code: int, attributes: list[bytes]) -> None:
    datagram = encode_response(code, 9, NONCE, attributes, SECRET)
    packet = verify_response(datagram, NONCE, SECRET, must_be_signed=True)
    assert packet.attributes[0][0] == MESSAGE_AUTHENTICATOR
    assert list(packet.attributes[1:]) == attributes
    with pytest.raises(PacketError, match="wrong Response Authenticator"):
        verify_response(datagram, bytes(16), SECRET)


def test_every_changed_octet_of_a_signed_request_is_noticed() -> None:
    datagram = typical()
    assert is_signature_valid(decode(datagram), SECRET)
    for at in range(len(datagram)):
        changed = bytearray(datagram)
        changed[at] ^= 0x40
        try:
            packet = decode(bytes(changed))
        except PacketError:
            continue
        assert not is_signature_valid(packet, SECRET)


def test_response_without_signature_is_taken_only_where_that_is_allowed() -> None:
    body = attribute(REPLY_MESSAGE, b"hello")
    datagram = unprotected_response(ACCESS_ACCEPT, 1, NONCE, body, SECRET)
    assert verify_response(datagram, NONCE, SECRET).first(REPLY_MESSAGE) == b"hello"
    with pytest.raises(PacketError, match="no Message-Authenticator"):
        verify_response(datagram, NONCE, SECRET, must_be_signed=True)


def test_response_with_a_wrong_signature_is_refused_though_its_authenticator_is_right() -> None:
    body = attribute(REPLY_MESSAGE, b"hello") + attribute(MESSAGE_AUTHENTICATOR, bytes(16))
    with pytest.raises(PacketError, match="wrong Message-Authenticator"):
        verify_response(unprotected_response(ACCESS_ACCEPT, 1, NONCE, body, SECRET), NONCE, SECRET)


def test_packet_that_would_be_too_long_is_not_made() -> None:
    with pytest.raises(PacketError, match="packet too long"):
        encode_response(ACCESS_ACCEPT, 1, NONCE, [attribute(25, bytes(253))] * 16, SECRET)
    with pytest.raises(PacketError, match="attribute value too long"):
        attribute(25, bytes(254))


def test_packet_shows_no_octet_of_its_content() -> None:
    assert repr(decode(pap(username=b"alice"))).startswith("<Packet code=1 identifier=7 length=")


# ---------------------------------------------------------------- pyrad as the oracle


@given(
    name=st.text("abcdefghijklmnopqrstuvwxyzäöü@.\\", min_size=1, max_size=60),
    password=st.text(st.characters(min_codepoint=33, max_codepoint=0x7FF), min_size=1, max_size=60),
    states=st.lists(st.binary(min_size=1, max_size=60), max_size=3),
)
def test_request_made_by_pyrad_is_read_alike(
    pyrad_words: PyradDictionary, name: str, password: str, states: list[bytes]
) -> None:
    made = AuthPacket(secret=SECRET, authenticator=os.urandom(16), dict=pyrad_words)
    made["User-Name"] = name
    made["User-Password"] = made.PwCrypt(password)
    made["NAS-IP-Address"] = "192.0.2.1"
    made["Cisco-AVPair"] = "ip:source-ip=203.0.113.9"
    if states:
        made[PROXY_STATE] = states
    made.add_message_authenticator()
    packet = decode(made.RequestPacket())
    assert is_signature_valid(packet, SECRET)
    assert packet.first(USER_NAME) == name.encode()
    assert reveal(packet.first(USER_PASSWORD) or b"", SECRET, packet.authenticator) == password.encode()
    assert packet.all(PROXY_STATE) == states
    assert vendor_attribute(9, 1, b"ip:source-ip=203.0.113.9") in packet.attributes


@given(st.binary(min_size=1, max_size=32), st.text("abcäö€", min_size=1, max_size=80))
def test_response_is_accepted_by_pyrad(pyrad_words: PyradDictionary, state: bytes, text: str) -> None:
    request = AuthPacket(id=5, secret=SECRET, authenticator=NONCE, dict=pyrad_words)
    datagram = encode_response(
        ACCESS_ACCEPT, 5, NONCE, [attribute(STATE, state), attribute(REPLY_MESSAGE, text.encode())], SECRET
    )
    reply = request.CreateReply(packet=datagram)
    assert request.VerifyReply(reply, datagram, enforce_ma=True)
    assert reply.code == AccessAccept
    assert (reply["State"], reply["Reply-Message"]) == ([state], [text])


def test_pyrad_verifies_our_requests(pyrad_words: PyradDictionary) -> None:
    read: PyradPacket = AuthPacket(packet=typical(), secret=SECRET, dict=pyrad_words)
    assert read.verify_message_authenticator()
    assert read["Cisco-AVPair"] == ["ip:source-ip=203.0.113.77", "mdm-tlv=device-platform=win"]
    assert read.PwDecrypt(read["User-Password"][0]) == "pass,123456"
