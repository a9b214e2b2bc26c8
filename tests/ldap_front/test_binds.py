"""Which binds are relayed, which are logins, which are refused unasked."""

from __future__ import annotations

import pytest

from authproxy.config.settings import LdapServerSettings
from authproxy.ldap import ber, requests
from authproxy.ldap.ber import BerError
from authproxy.ldap.binds import Bind, BindRules, Login, OtherBind, Relayed, Unfit, read_bind
from authproxy.ldap.messages import open_envelope, seal
from authproxy.ldap.requests import SaslBind, SimpleBind
from authproxy.ldap.responses import Code

ALICE = "uid=alice,ou=people,dc=example,dc=test"
SERVICE = "CN=svc,OU=Service,DC=example,DC=test"


def rules(**changes: object) -> BindRules:
    return BindRules.of(LdapServerSettings("ldap_server_auto", "ad_client", **changes))  # type: ignore[arg-type]


ONLY_SIMPLE = Unfit(Code.AUTH_METHOD_NOT_SUPPORTED, "only simple binds are supported here")
STRICT = rules(exempt_primary_bind=False, exempt_ous=("ou=service,dc=example,dc=test",))


def simple(name: str, password: str = "secret", version: int = 3) -> SimpleBind:
    return SimpleBind(name.encode("utf-8", "surrogateescape"), password.encode(), version)


@pytest.mark.parametrize("earlier", [0, 1, 7])
@pytest.mark.parametrize("which", [rules(), STRICT])
@pytest.mark.parametrize(
    ("bind", "decision"),
    [
        (simple("", ""), Relayed("")),
        (simple("", "x"), Unfit(Code.INVALID_CREDENTIALS, "")),
        (simple(ALICE, ""), Unfit(Code.UNWILLING_TO_PERFORM, "a bind needs a password")),
        (simple("alice", "\0\0"), Unfit(Code.UNWILLING_TO_PERFORM, "a bind needs a password")),
        (simple(ALICE, "x", 2), Unfit(Code.PROTOCOL_ERROR, "only LDAP version 3 is spoken here")),
        (simple("", "", 2), Unfit(Code.PROTOCOL_ERROR, "only LDAP version 3 is spoken here")),
        (SaslBind(b"", b"PLAIN", b"\0a\0b"), ONLY_SIMPLE),
        (OtherBind(3), ONLY_SIMPLE),
    ],
)  # fmt: skip
def test_what_no_rule_changes(which: BindRules, bind: Bind, decision: object, earlier: int) -> None:
    assert which.decide(bind, earlier) == decision


def test_first_bind_is_exempt_by_default_whoever_it_is() -> None:
    assert rules().decide(simple(ALICE), 0) == Relayed("exempt_primary_bind")
    assert rules().decide(simple("alice@example.test"), 0) == Relayed("exempt_primary_bind")
    assert rules().decide(simple(ALICE), 1) == Login("alice", ALICE)


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        (ALICE, Login("alice", ALICE)),
        ("alice", Login("alice", "")),
        ("EXAMPLE\\alice", Login("EXAMPLE\\alice", "")),
        ("a=b=c", Login("b=c", "a=b=c")),
        ("uid=alice,", Login("uid=alice,", "")),
        ("cn=Jones\\, Carol,dc=test", Login("Jones, Carol", "cn=Jones\\, Carol,dc=test")),
        (" ", Login(" ", "")),
        ("uid=\udcff,dc=test", Login("\udcff", "uid=\udcff,dc=test")),
        (SERVICE, Relayed("exempt_ou")),
        ("cn = SVC ,  ou=Service,dc=EXAMPLE,dc=test", Relayed("exempt_ou")),
        ("ou=service,dc=example,dc=test", Relayed("exempt_ou")),
        ("cn=svc,ou=xservice,dc=example,dc=test", Login("svc", "cn=svc,ou=xservice,dc=example,dc=test")),
        ("cn=svc\\,ou=service,dc=example,dc=test",
         Login("svc,ou=service", "cn=svc\\,ou=service,dc=example,dc=test")),
        ("dc=example,dc=test", Login("example", "dc=example,dc=test")),
    ],
)  # fmt: skip
def test_with_every_bind_a_login_only_what_is_below_an_exempt_dn_is_relayed(name: str, decision: object) -> None:
    for earlier in (0, 1, 5):
        assert STRICT.decide(simple(name), earlier) == decision


def test_third_bind_is_refused_if_the_administrator_says_so() -> None:
    limited = rules(allow_unlimited_binds=False, exempt_primary_bind=False)
    assert isinstance(limited.decide(simple(ALICE), 1), Login)
    for bind in (simple(ALICE), simple("", "")):
        assert limited.decide(bind, 2) == Unfit(Code.UNWILLING_TO_PERFORM, "no more binds on this connection")
        assert not isinstance(rules().decide(bind, 2), Unfit)


def test_sasl_mechanisms_that_are_allowed_are_relayed_and_counted_once() -> None:
    lenient = rules(allow_sasl_mechanisms=("EXTERNAL", "PLAIN"), allow_unlimited_binds=False)
    bind = SaslBind(b"", b"plain", b"x")
    assert lenient.decide(bind, 1) == Relayed("SASL plain")
    assert isinstance(lenient.decide(bind, 2), Unfit)
    assert lenient.decide(bind, 2, is_next_step=True) == Relayed("SASL plain")
    assert isinstance(lenient.decide(SaslBind(b"", b"GSSAPI", None), 0), Unfit)


# ---------------------------------------------------------------- reading


def test_binds_are_read_whatever_their_kind() -> None:
    def read(operation: bytes) -> Bind:
        return read_bind(open_envelope(seal(5, operation)))

    for bind in (simple(ALICE), SaslBind(b"", b"PLAIN", b"x"), SaslBind(b"x", b"EXTERNAL", None)):
        assert read(requests.encode(bind)) == bind
    sicily = ber.tlv(0x60, ber.integer(3) + ber.tlv(ber.OCTETS, b"") + ber.tlv(0x8A, b"NTLMSSP\0"))
    assert read(sicily) == OtherBind(3)


@pytest.mark.parametrize(
    "operation",
    [b"\x60\x00", b"\x60\x03\x02\x01\x03", b"\x60\x05\x02\x01\x03\x04\x00",
     b"\x60\x07\x04\x01\x03\x04\x00\x80\x00",
     b"\x60\x09\x02\x01\x03\x04\x00\x80\x00\x04\x00"],
)  # fmt: skip
def test_damaged_binds_are_errors(operation: bytes) -> None:
    with pytest.raises(BerError):
        read_bind(open_envelope(seal(5, operation)))


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(simple(ALICE)) and "secret" not in repr(SaslBind(b"", b"PLAIN", b"secret"))
