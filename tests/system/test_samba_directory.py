"""``[ad_client]`` against a real Active Directory, over LDAPS and StartTLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
import trustme
from twisted.internet import reactor

from authproxy.config.settings import AdClientSettings, AuthType, Transport
from authproxy.errors import PrimaryUnavailable
from authproxy.model import AuthRequest, Denied, Identity, Reason, Trail
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.peers.samba import BASE, HOST, NETBIOS_DOMAIN, PASSWORD, SERVICE_USER, SambaAD

pytestmark = pytest.mark.peer("samba")


@pytest.fixture(scope="module")
def ad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SambaAD]:
    with SambaAD(tmp_path_factory.mktemp("samba") / "dc") as domain:
        yield domain


def settings(ad: SambaAD, transport: Transport = Transport.LDAPS) -> AdClientSettings:
    port = ad.ldaps_port if transport is Transport.LDAPS else ad.ldap_port
    return AdClientSettings(
        "ad_client",
        ((HOST, port),),
        BASE,
        SERVICE_USER,
        Secret(PASSWORD),
        auth_type=AuthType.PLAIN,
        transport=transport,
        ssl_ca_certs_file=ad.ca_file,
    )


async def check(settings: AdClientSettings, username: str, password: str = PASSWORD) -> Identity | Denied:
    primary = DirectoryPrimary(settings, reactor)
    try:
        request = AuthRequest(
            "LOGIN", "radius_server_auto", username, b"", "192.0.2.1", None, Trail(reactor.seconds)
        )
        return await primary.check(request, password.encode())
    finally:
        primary.close()


@pytest.mark.parametrize("transport", [Transport.LDAPS, Transport.STARTTLS])
@pytest.mark.parametrize(
    ("typed", "username"),
    [
        ("u01", "u01"),
        ("U01", "u01"),
        ("u01@addc.test", "u01"),
        (f"{NETBIOS_DOMAIN}\\u01", "u01"),
        ("alias.six@addc.test", "u06"),
        ("o'brien", "o'brien"),
        ("jose", "jose"),
        ("comma", "comma"),
        ("primary", "primary"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_right_password_in_any_spelling_of_the_name(
    ad: SambaAD, transport: Transport, typed: str, username: str
) -> None:
    found = await check(settings(ad, transport), typed)
    assert isinstance(found, Identity), found
    assert (found.username, found.dn) == (username, ad.dn(username))


@pytest.mark.parametrize("transport", [Transport.LDAPS, Transport.STARTTLS])
@pytest.mark.parametrize(
    ("username", "reason"),
    [
        ("disabled", Reason.ACCOUNT_DISABLED),
        ("accexpired", Reason.ACCOUNT_EXPIRED),
        ("mustchange", Reason.PASSWORD_MUST_CHANGE),
        ("pwexpired", Reason.PASSWORD_EXPIRED),
        ("hours", Reason.LOGON_HOURS),
    ],
)
@pytest_twisted.ensureDeferred
async def test_right_password_of_an_account_that_may_not_log_on(
    ad: SambaAD, transport: Transport, username: str, reason: Reason
) -> None:
    found = await check(settings(ad, transport), username)
    assert isinstance(found, Denied)
    assert found.reason is reason


@pytest_twisted.ensureDeferred
async def test_wrong_passwords_end_in_a_lockout(ad: SambaAD) -> None:
    reasons = []
    for password in ("wrong", "wrong", "wrong", PASSWORD):
        found = await check(settings(ad), "lockme", password)
        assert isinstance(found, Denied)
        reasons.append(found.reason)
    assert reasons == [Reason.BAD_PASSWORD] * 3 + [Reason.ACCOUNT_LOCKED]


@pytest.mark.parametrize(
    "typed", ["nobody", "*", "u0*", "u01)(objectClass=*", "nobody@addc.test", "OTHER\\nobody"]
)
@pytest_twisted.ensureDeferred
async def test_a_name_that_nobody_has(ad: SambaAD, typed: str) -> None:
    found = await check(settings(ad), typed)
    assert isinstance(found, Denied)
    assert found.reason is Reason.UNKNOWN_USER


@pytest_twisted.ensureDeferred
async def test_an_empty_password_is_never_tried(ad: SambaAD) -> None:
    found = await check(settings(ad), "u01", "")
    assert isinstance(found, Denied)
    assert found.reason is Reason.EMPTY_PASSWORD


@pytest.mark.parametrize(
    ("username", "group", "is_member"),
    [
        ("u01", "vpn-users", True),
        ("comma", "vpn-users", True),
        ("jose", "vpn-users", True),
        ("u03", "vpn-users", False),
        ("u03", "nest-c", True),
        ("u03", "nest-a", False),  # a member of a member of a member
        ("u04", "cycle-x", False),
        ("u05", "Grp (paren)", True),
        ("u06", "Grp (paren)", False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_security_group_counts_direct_members_only_when_not_nested(
    ad: SambaAD, username: str, group: str, is_member: bool
) -> None:
    direct = replace(settings(ad), security_group_dn=ad.dn(group), security_group_nested=False)
    found = await check(direct, username)
    if is_member:
        assert isinstance(found, Identity), found
    else:
        assert isinstance(found, Denied)
        assert found.reason is Reason.NOT_IN_GROUP


@pytest.mark.parametrize(("username", "group"), [("u03", "nest-a"), ("u04", "cycle-x"), ("u04", "cycle-y")])
@pytest_twisted.ensureDeferred
async def test_ldap_filter_with_the_in_chain_rule_counts_nested_members(
    ad: SambaAD, username: str, group: str
) -> None:
    in_chain = f"(memberOf:1.2.840.113556.1.4.1941:={ad.dn(group)})"
    nested = replace(settings(ad), ldap_filter=in_chain)
    assert isinstance(await check(nested, username), Identity)
    found = await check(nested, "u01")
    assert isinstance(found, Denied)
    assert found.reason is Reason.UNKNOWN_USER


@pytest_twisted.ensureDeferred
async def test_ldap_filter_narrows_who_is_found(ad: SambaAD) -> None:
    narrowed = replace(settings(ad), ldap_filter="(mail=u02@addc.test)")
    assert isinstance(await check(narrowed, "u02"), Identity)
    found = await check(narrowed, "u01")
    assert isinstance(found, Denied)
    assert found.reason is Reason.UNKNOWN_USER


@pytest_twisted.ensureDeferred
async def test_a_certificate_of_another_authority_is_refused(ad: SambaAD, tmp_path: Path) -> None:
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    with pytest.raises(PrimaryUnavailable, match="certificate"):
        await check(replace(settings(ad), ssl_ca_certs_file=stranger), "u01")


@pytest_twisted.ensureDeferred
async def test_a_domain_controller_refuses_a_password_in_the_clear(ad: SambaAD) -> None:
    with pytest.raises(PrimaryUnavailable):
        await check(settings(ad, Transport.CLEAR), "u01")


@pytest_twisted.ensureDeferred
async def test_a_wrong_service_password_judges_nobody(ad: SambaAD) -> None:
    wrong = replace(settings(ad), service_account_password=Secret("wrong"))
    with pytest.raises(PrimaryUnavailable):
        await check(wrong, "u01")
