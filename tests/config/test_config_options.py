"""Kinds of values."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.config import options as kind
from authproxy.config.options import AddressRange, BadValue, Kind
from authproxy.config.sections import SECTION_TYPES, is_secret, section_type
from authproxy.config.settings import RequireMessageAuthenticator
from authproxy.model import Factor


@pytest.mark.parametrize(
    ("what", "text", "value"),
    [
        (kind.BOOLEAN, "TRUE", True),
        (kind.BOOLEAN, "0", False),
        (kind.BOOLEAN, "On", True),
        (kind.HOST, "LLDAP", "LLDAP"),
        (kind.HOST, "dc-1.example.com.", "dc-1.example.com."),
        (kind.HOST, "[2001:db8::1]", "2001:db8::1"),
        (kind.API_HOST, "Local", "local"),
        (kind.PORT, "65535", 65535),
        (kind.INTERFACE, "::", "::"),
        (kind.FACTORS, "auto", (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)),
        (kind.FACTORS, "Passcode, auto", (Factor.PASSCODE, Factor.PUSH, Factor.PHONE)),
        (kind.FACTORS, "sms,", (Factor.SMS,)),
        (kind.NAMES, "Class, Cisco-AVPair,", ("Class", "Cisco-AVPair")),
        (kind.DISTINGUISHED_NAME, "OU=Ä #1,DC=x", "OU=Ä #1,DC=x"),
        (kind.FILTER, "objectClass=person", "(objectClass=person)"),
        (kind.FILTER, "(|(a=1)(b=2))", "(|(a=1)(b=2))"),
        (kind.FILTER, "!(a=1)", "(!(a=1))"),
        (kind.MESSAGE_AUTHENTICATOR, "true", RequireMessageAuthenticator.YES),
        (kind.MESSAGE_AUTHENTICATOR, "no", RequireMessageAuthenticator.NO),
        (kind.MESSAGE_AUTHENTICATOR, "Auto", RequireMessageAuthenticator.AUTO),
        (kind.seconds(0, 600), "2.5", 2.5),
    ],
)
def test_text_becomes_its_value(what: Kind, text: str, value: object) -> None:
    assert what.parse(text) == value


@pytest.mark.parametrize(
    ("what", "texts"),
    [
        (kind.BOOLEAN, ["2", "ja", "true ; yes"]),
        (kind.HOST, ["a b", "ldaps://dc1", "dc1:636", "-dc1", "256.1.1.1", "a..b", "x" * 64, "fe80::1%eth0"]),
        (kind.PORT, ["0", "65536", "-1", "1812.0", "+1", "٣", "1" * 400]),
        (kind.ADDRESS, ["localhost", "10.0.0.0/8", ""]),
        (
            kind.ADDRESS_RANGE,
            ["10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.*", "10.0.0.0/33", "-", "10.0.0.1,10.0.0.2"],
        ),
        (kind.FACTORS, ["pigeon", ",", "push;phone"]),
        (kind.DISTINGUISHED_NAME, ["example.com", "=x"]),
        (kind.FILTER, ["(a=1", "(a=1)(b=2)", "a=1)", "()", "person"]),
        (kind.CODEC, ["rot13", "hex", "no-such", "\0"]),
        (kind.DATABASE, ["mysql://x/y", "/var/lib/db"]),
        (kind.seconds(0, 600), ["nan", "inf", "601", "-1", "ten", "1e999"]),
    ],
)
def test_what_is_no_value_is_refused_with_what_was_wanted(what: Kind, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(BadValue) as caught:
            what.parse(text)
        assert str(caught.value), text


@pytest.mark.parametrize(
    ("text", "first", "last", "size"),
    [
        ("10.1.1.1", "10.1.1.1", "10.1.1.1", 1),
        ("10.1.1.77/24", "10.1.1.0", "10.1.1.255", 256),
        ("10.1.1.250 - 10.1.2.3", "10.1.1.250", "10.1.2.3", 10),
        ("2001:db8::/127", "2001:db8::", "2001:db8::1", 2),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", 1 << 32),
    ],
)
def test_address_ranges_include_both_ends(text: str, first: str, last: str, size: int) -> None:
    span = kind.ADDRESS_RANGE.parse(text)
    assert isinstance(span, AddressRange)
    assert (span.first, span.last, span.size) == (ip_address(first), ip_address(last), size)
    assert span.is_everything() == (size == 1 << 32)


@given(st.text(max_size=30))
def test_no_text_makes_a_kind_fail_in_another_way(text: str) -> None:
    text = text.strip()
    for section in SECTION_TYPES.values():
        for option in section.options if text else ():
            with contextlib.suppress(BadValue):
                option.kind.parse(text)


def test_every_default_is_a_value_of_its_kind() -> None:
    for section in SECTION_TYPES.values():
        for option in section.options:
            if option.default:
                assert option.kind.parse(option.default) is not None, option.name
            assert option.help, option.name


@pytest.mark.parametrize(
    ("section", "key", "name", "number", "form"),
    [
        ("radius_server_auto", "radius_secret_3", "radius_secret", 3, ""),
        ("radius_server_auto", "radius_secret_protected_3", "radius_secret", 3, "_protected"),
        ("radius_server_auto", "radius_secret_file_30", "radius_secret", 30, "_file"),
        ("radius_client9", "secret", "secret", 1, ""),
        ("radius_client9", "secret_protected", "secret", 1, "_protected"),
        ("radius_client9", "secret_protected_2", "secret", 2, "_protected"),
        ("ad_client", "service_account_password_file", "service_account_password", 0, "_file"),
    ],
)
def test_keys_resolve_to_option_number_and_form(section: str, key: str, name: str, number: int, form: str) -> None:
    type_ = section_type(section)
    assert type_ is not None
    resolved = type_.resolve(key)
    assert resolved is not None
    assert (resolved.option.name, resolved.number, resolved.form) == (name, number, form)
    assert resolved.option.key(resolved.number, resolved.form) == key


@pytest.mark.parametrize("key", ["host_1", "host_02", "host_", "host_x", "debug_1", "radius_ip_1", "host_file"])
def test_keys_that_do_not_fit_resolve_to_nothing(key: str) -> None:
    assert SECTION_TYPES["radius_client"].resolve(key) is None


@pytest.mark.parametrize(
    ("section", "key", "answer"),
    [
        ("radius_server_auto", "radius_secret_1", True),
        ("radius_server_auto", "radius_secret_file_1", False),
        ("radius_server_auto", "port", False),
        ("radius_server_auto", "radius_secrte_password", True),
        ("no_such", "my_secret", True),
        ("service", "database", True),
        ("main", "debug", False),
    ],
)
def test_secrets_are_known_also_under_misspelled_names(section: str, key: str, answer: bool) -> None:
    assert is_secret(section, key) is answer
