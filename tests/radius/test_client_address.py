"""Where appliances put the user's address, user names, and Reply-Messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authproxy.radius.packet import MAX_VALUE, attribute, vendor_attribute
from authproxy.radius.reply import reply_messages
from authproxy.radius.request import decode_username, session_of
from authproxy.radius.vendors import ClientAddress, read_address
from tests.radius.door import DICTIONARY

CALLING = ClientAddress(DICTIONARY, "Calling-Station-Id")


CALLING_STATION_ID_IS = [
    ("203.0.113.9", "203.0.113.9"),
    ("203.0.113.9:4500", "203.0.113.9"),
    (" 203.0.113.9\0", "203.0.113.9"),
    ("2001:db8::9", "2001:db8::9"),
    ("2001:DB8:0:0::9", "2001:db8::9"),
    ("[2001:db8::9]:4500", "2001:db8::9"),
    ("[2001:db8::9", "2001:db8::9"),
    ("::ffff:203.0.113.9", "203.0.113.9"),
    ("00-11-22-33-44-55", None),
    ("00:11:22:33:44:55", None),
    ("0011.2233.4455", None),
    ("00:11:22:33:44:55:66:77", None),
    ("+49 89 1234567", None),
    ("08912345", None),
    ("0.0.0.0", None),
    ("10.0.0.0", "10.0.0.0"),
    ("1.2.3", None),
    ("01.2.3.4", None),
    ("1.2.3.4.5", None),
    ("1.2.3.", None),
    ("¹.2.3.4", None),
    ("::", None),
    ("", None),
    ("[", None),
    (":", None),
    ("203.0.113.999", None),
    ("host.example.com:80", None),
    ("x" * 253, None),
]


def test_calling_station_id_is_an_address_or_nothing() -> None:
    for text, address in CALLING_STATION_ID_IS:
        assert CALLING.find([attribute(1, b"alice"), attribute(31, text.encode())]) == address


def test_first_attribute_that_holds_an_address_counts() -> None:
    assert CALLING.find([attribute(31, b"00-11-22-33-44-55"), attribute(31, b"203.0.113.9")]) == "203.0.113.9"
    assert CALLING.find([]) is None


ADDRESS_IS_FOUND_WHERE = [
    ("paloalto", vendor_attribute(25461, 7, b"203.0.113.9"), "203.0.113.9"),
    ("PaloAlto", vendor_attribute(25461, 7, b"203.0.113.9"), "203.0.113.9"),
    ("PaloAlto-Client-Source-IP", vendor_attribute(25461, 7, b"203.0.113.9"), "203.0.113.9"),
    ("paloalto", vendor_attribute(25461, 8, b"203.0.113.9"), None),
    ("paloalto", attribute(31, b"203.0.113.9"), None),
    ("NAS-IP-Address", attribute(4, bytes((203, 0, 113, 9))), "203.0.113.9"),
    ("NAS-IPv6-Address", attribute(95, bytes(15) + b"\x09"), "::9"),
    ("Fortinet-Client-IPv6-Address", vendor_attribute(12356, 4, bytes(15) + b"\x09"), "::9"),
    ("Cisco-AVPair", vendor_attribute(9, 1, b"ip:source-ip=203.0.113.9"), "203.0.113.9"),
    ("Cisco-AVPair", vendor_attribute(9, 1, b"mdm-tlv=203.0.113.9"), None),
    (
        "Cisco-AVPair",
        attribute(26, b"\0\0\0\x09\x01\x05a=b\x01\x1aip:source-ip=203.0.113.9"),
        "203.0.113.9",
    ),
    ("Calling-Station-Id", vendor_attribute(9, 1, b"ip:source-ip=203.0.113.9"), None),
    ("Tunnel-Client-Endpoint", attribute(66, b"203.0.113.9"), "203.0.113.9"),
    ("Attr-26.64999.1", vendor_attribute(64999, 1, b"203.0.113.9"), "203.0.113.9"),
]


def test_address_is_found_where_the_option_says() -> None:
    for name, raw, address in ADDRESS_IS_FOUND_WHERE:
        found = ClientAddress(DICTIONARY, name)
        assert found.is_known
        assert found.find([raw]) == address


def test_unknown_attribute_finds_nothing() -> None:
    unknown = ClientAddress(DICTIONARY, "Caling-Station-Id")
    assert not unknown.is_known
    assert unknown.find([attribute(31, b"203.0.113.9"), vendor_attribute(9, 1, b"x")]) is None


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_nothing(text: str) -> None:
    found = read_address(text)
    assert found is None or read_address(found) == found


# ---------------------------------------------------------------- user names


USER_NAME_IS_TEXT = [
    (b"alice", "alice"),
    (b" alice ", "alice"),
    ("jürgen".encode(), "jürgen"),
    ("jürgen".encode("latin-1"), "jürgen"),
    (b"DOMAIN\\alice", "DOMAIN\\alice"),
    ("алиса@example.com".encode(), "алиса@example.com"),
    (b"alice\r\n[info] forged", ""),
    (b"alice\x7f", ""),
    (b"\xff\x85", ""),
    (b"", ""),
]


def test_user_name_is_text_without_control_characters() -> None:
    for value, name in USER_NAME_IS_TEXT:
        assert decode_username(value) == name


# ---------------------------------------------------------------- Reply-Message


@given(st.text(max_size=900))
def test_message_is_cut_between_characters(text: str) -> None:
    messages = reply_messages(text)
    assert all(raw[1] == len(raw) <= MAX_VALUE + 2 for raw in messages)
    joined = b"".join(raw[2:] for raw in messages).decode()  # fails inside a character
    assert text.encode("utf-8", "replace").decode().startswith(joined)
    assert joined == text or len(messages) == 4


def test_long_message_is_cut_off_after_four_attributes() -> None:
    assert [len(raw) for raw in reply_messages("€" * 1000)] == [2 + 252] * 4
    assert reply_messages("") == []
    assert reply_messages("x" * 254) == [attribute(18, b"x" * 253), attribute(18, b"x")]


def test_a_request_sent_anew_is_of_the_same_session_and_another_port_is_another() -> None:
    alice, port = attribute(1, b"alice"), attribute(5, b"\0\0\0\1")
    first = session_of([alice, attribute(2, b"x" * 16), port, attribute(80, b"a" * 16), attribute(33, b"1")])
    anew = session_of([attribute(80, b"b" * 16), alice, port, attribute(2, b"y" * 16), attribute(33, b"2")])
    other = session_of([alice, attribute(2, b"x" * 16), attribute(5, b"\0\0\0\2")])
    assert first == anew != other


def test_an_appliance_that_tells_nothing_of_connections_has_one_session_for_each_user() -> None:
    portal = attribute(32, b"portal")
    alice, bob = (session_of([attribute(1, name), portal]) for name in (b"alice", b"bob"))
    assert session_of([portal, attribute(1, b"alice"), attribute(2, b"x" * 16)]) == alice != bob
    assert session_of([attribute(1, b"alice"), portal, attribute(44, b"1a2b")]) != alice
