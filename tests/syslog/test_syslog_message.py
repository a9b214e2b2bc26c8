"""Messages keep to RFC 5424 whatever is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authproxy.config.schema_global import SYSLOG_FACILITIES
from authproxy.syslog_message import FACILITIES, LARGEST, SyslogForm, framed, shortened
from tests.syslog.receiver import Message

FORM = SyslogForm("LOG_AUTH", "vpn1.example", 4711)


def test_a_login_is_told_in_structured_data() -> None:
    fields = {
        "login": "K7Q2ABCDEF",
        "section": "radius_server_auto",
        "username": "alice",
        "nas": "192.0.2.10",
        "result": "reject",
        "reason": "wrong passcode",
        "elapsed": 14.2,
    }
    raw = FORM(1_700_000_000.25, "info", "radius_server_auto: alice: reject", fields)
    assert raw == (
        b"<38>1 2023-11-14T22:13:20.250Z vpn1.example authproxy 4711 login "
        b'[authproxy@32473 login_id="K7Q2ABCDEF" section="radius_server_auto" user="alice" nas="192.0.2.10"'
        b' result="reject" reason="wrong passcode"] radius_server_auto: alice: reject'
    )
    assert Message.of(raw).data["login_id"] == "K7Q2ABCDEF"


def test_what_is_no_login_has_no_data_and_no_kind() -> None:
    assert FORM(0.0, "critical", "it broke", {}) == (
        b"<34>1 1970-01-01T00:00:00.000Z vpn1.example authproxy 4711 - - it broke"
    )


def test_text_that_is_not_ascii_is_announced_as_utf8() -> None:
    assert FORM(0.0, "info", "jörg", {}).endswith(b" - - \xef\xbb\xbfj\xc3\xb6rg")


def test_a_name_can_not_break_out_of_its_value() -> None:
    name = 'x"] [evil a="b\\\n<1>1'
    message = Message.of(FORM(0.0, "info", "text", {"username": name, "section": "s"}))
    assert message.data == {"section": "s", "user": 'x"] [evil a="b\\?<1>1'}


def test_the_host_name_is_made_to_fit() -> None:
    assert Message.of(SyslogForm("LOG_USER", "a b\tc", 1)(0.0, "info", "x", {})).host == "abc"
    assert Message.of(SyslogForm("LOG_USER", "é", 1)(0.0, "info", "x", {})).host == "-"


def test_every_facility_of_the_configuration_has_its_number() -> None:
    assert set(FACILITIES) == set(SYSLOG_FACILITIES)
    assert (FACILITIES["LOG_FTP"], FACILITIES["LOG_LOCAL7"]) == (11, 23)


@given(
    st.text(max_size=300),
    st.dictionaries(st.sampled_from(["login", "section", "username", "result"]), st.text(max_size=300)),
    st.sampled_from(["debug", "info", "warn", "error", "critical"]),
)
def test_any_event_keeps_to_the_grammar(text: str, fields: dict[str, str], level: str) -> None:
    message = Message.of(FORM(1.0, level, text, fields))
    assert message.facility == 4
    assert message.text.removeprefix("\ufeff") == text


def test_long_messages_are_cut_between_characters() -> None:
    raw = FORM(0.0, "info", "ü" * LARGEST, {})
    assert LARGEST - 1 <= len(raw) <= LARGEST
    raw.decode("utf-8")
    assert shortened("üü".encode(), 3) == "ü".encode()


def test_the_length_stands_before_the_message_in_octets() -> None:
    assert framed("ü".encode()) == b"2 \xc3\xbc"
