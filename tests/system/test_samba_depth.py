"""Accounts of every kind in a real Active Directory, through the daemon: right answer, right reason, whichever way
the service account is bound and the passwords are checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from authproxy.config.settings import AdClientSettings, AuthType, Transport
from authproxy.errors import PrimaryUnavailable
from authproxy.model import AuthRequest, Denied, Identity, Reason, Trail
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.peers.samba import BASE, HOST, NETBIOS_DOMAIN, PASSWORD, SERVICE_USER, SambaAD
from tests.system.sites import People, Site

pytestmark = pytest.mark.peer("samba")

ACCEPT, REJECT = "Access-Accept", "Access-Reject"
OPEN_HOUSE = "new_user_policy=allow"  # these logins are about the directory alone

COMMON = f"""\
[ad_client]
host={HOST}
service_account_username={SERVICE_USER}
search_dn={BASE}
security_group_dn=CN=everybody,OU=Groups,{BASE}
"""
WAYS = {
    "simple-bind-inside-tls": f"service_account_password={PASSWORD}\nauth_type=ntlm2\ntransport=ldaps\n",
    "ntlm-sealed": f"service_account_password={PASSWORD}\nntlm_domain={NETBIOS_DOMAIN}\nntlm_workstation=VPN1\n",
    "kerberos-keytab-sealed": "auth_type=kerberos\n",
}


def require_kerberos() -> None:
    try:
        import gssapi  # noqa: F401
        import krb5  # noqa: F401
    except ImportError:
        message = "no gssapi and krb5: apt-get install libkrb5-dev gcc python3-dev; make kerberos"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="module")
def ad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SambaAD]:
    with SambaAD(tmp_path_factory.mktemp("samba") / "dc") as domain:
        yield domain


@pytest.fixture(scope="module", params=WAYS)
def site(request: pytest.FixtureRequest, ad: SambaAD, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    section = COMMON + WAYS[request.param]
    if "ldaps" in section:
        section += f"ssl_ca_certs_file={ad.ca_file}\n"
    if "kerberos" in section:
        require_kerberos()
        section += f"keytab={ad.keytab(SERVICE_USER)}\n"
    made = Site.make(
        tmp_path_factory.mktemp(request.param), section, People("u01", "u02", {}, {}), service=OPEN_HOUSE
    )
    made.daemon.environment["KRB5_CONFIG"] = str(ad.krb5_config)
    made.daemon.start()
    yield made
    made.daemon.stop()


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("u01", None),  # in "everybody" by way of its primary group, Domain Users, only
        ("jose", None),
        ("comma", None),
        ("primary", None),  # has another primary group, which made it a plain member of that one
        (f"{NETBIOS_DOMAIN}\\u02", None),
        ("addc.test\\u02", None),
        ("u02@addc.test", None),
        ("five@alt.example", None),  # a suffix that is no domain
        ("u05@addc.test", None),  # and yet the account of that name
        ("OTHER\\u02", Reason.UNKNOWN_USER),
        ("u02@other.example", Reason.UNKNOWN_USER),
        ("nobody", Reason.UNKNOWN_USER),
        ("disabled", Reason.ACCOUNT_DISABLED),
        ("accexpired", Reason.ACCOUNT_EXPIRED),
        ("mustchange", Reason.PASSWORD_MUST_CHANGE),
        ("pwexpired", Reason.PASSWORD_EXPIRED),
        ("hours", Reason.LOGON_HOURS),
    ],
)
def test_right_password(site: Site, typed: str, reason: Reason | None) -> None:
    answer = site.login(typed, PASSWORD)
    assert (answer, site.why(typed)) == ((REJECT, reason) if reason else (ACCEPT, ""))


def test_wrong_password_is_what_the_log_says(site: Site) -> None:
    assert site.login("u08", "wrong") == REJECT
    assert site.why("u08") == Reason.BAD_PASSWORD


def test_after_the_lock_the_right_password_is_of_no_use(site: Site, ad: SambaAD) -> None:
    """The site before may have locked the account already."""
    for _ in range(3):
        assert site.login("lockme", "wrong") == REJECT
    assert site.login("lockme", PASSWORD) == REJECT
    assert site.why("lockme") == Reason.ACCOUNT_LOCKED


def test_what_helps_is_in_the_trail(site: Site) -> None:
    assert site.login("pwexpired", PASSWORD) == REJECT
    steps = site.records("pwexpired")[0].steps
    assert any("has to be changed first" in step.detail for step in steps), steps


# ---------------------------------------------------------------- in this process


def settings(ad: SambaAD, transport: Transport = Transport.LDAPS) -> AdClientSettings:
    port = ad.ldaps_port if transport is Transport.LDAPS else ad.ldap_port
    return AdClientSettings(
        "ad_client",
        ((HOST, port),),
        BASE,
        SERVICE_USER,
        Secret(PASSWORD),
        transport=transport,
        ssl_ca_certs_file=ad.ca_file,
    )


async def check(settings: AdClientSettings, username: str, password: str = PASSWORD) -> Identity | Denied:
    primary = DirectoryPrimary(settings, reactor)
    try:
        trail = Trail(reactor.seconds)
        request = AuthRequest("LOGIN", "radius_server_auto", username, b"", "192.0.2.1", None, trail)
        return await primary.check(request, password.encode())
    finally:
        primary.close()


FORMS = [SERVICE_USER, f"{NETBIOS_DOMAIN}\\{SERVICE_USER}", f"{SERVICE_USER}@addc.test"]


@pytest.mark.parametrize(
    ("transport", "name"),
    [(transport, name) for transport in (Transport.LDAPS, Transport.CLEAR) for name in FORMS]
    + [(Transport.LDAPS, "DN")],
)
@pytest_twisted.ensureDeferred
async def test_service_account_in_every_form(ad: SambaAD, transport: Transport, name: str) -> None:
    name = ad.dn(SERVICE_USER) if name == "DN" else name
    found = await check(replace(settings(ad, transport), service_account_username=name), "u01")
    assert isinstance(found, Identity), found


@pytest.mark.parametrize(
    ("username", "group", "is_nested", "is_member"),
    [
        ("u01", "vpn-users", False, True),
        ("u03", "nest-a", True, True),
        ("u03", "nest-a", False, False),
        ("u03", "nest-c", False, True),
        ("u03", "vpn-users", True, False),
        ("u04", "cycle-x", True, True),
        ("u05", "Grp (paren)", True, True),
        ("primary", "primary-grp", False, True),
        ("primary", "around-primary", True, True),
        ("primary", "around-primary", False, False),
        ("u01", "around-primary", True, False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_members_also_of_groups_in_the_group(
    ad: SambaAD, username: str, group: str, is_nested: bool, is_member: bool
) -> None:
    only_group = replace(settings(ad), security_group_dn=ad.dn(group), security_group_nested=is_nested)
    found = await check(only_group, username)
    assert isinstance(found, Identity) == is_member
    assert is_member or (isinstance(found, Denied) and found.reason is Reason.NOT_IN_GROUP)


@pytest_twisted.ensureDeferred
async def test_a_group_that_is_not_there_judges_nobody(ad: SambaAD) -> None:
    gone = replace(settings(ad), security_group_dn=f"CN=gone,{BASE}")
    with pytest.raises(PrimaryUnavailable, match="security_group_dn"):
        await check(gone, "u01")


@pytest_twisted.ensureDeferred
async def test_a_password_in_the_clear_is_refused_and_what_helps_is_said(ad: SambaAD) -> None:
    with pytest.raises(PrimaryUnavailable, match="transport=ldaps or transport=starttls"):
        await check(replace(settings(ad, Transport.CLEAR), auth_type=AuthType.PLAIN), "u01")


@pytest_twisted.ensureDeferred
async def test_wrong_service_passwords_are_named_and_judge_nobody(ad: SambaAD) -> None:
    """With an account of their own, which this brings close to its lock."""
    for transport in (Transport.LDAPS, Transport.CLEAR):
        account = replace(settings(ad, transport), service_account_username="u07")
        with pytest.raises(PrimaryUnavailable, match=r"service account .*u07.*wrong name or password"):
            await check(replace(account, service_account_password=Secret("wrong")), "u01")


# ---------------------------------------------------------------- Kerberos inside TLS


@pytest.fixture
def kerberos(ad: SambaAD, monkeypatch: pytest.MonkeyPatch) -> SambaAD:
    require_kerberos()
    monkeypatch.setenv("KRB5_CONFIG", str(ad.krb5_config))
    return ad


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_of_the_kerberos_account_is_named(kerberos: SambaAD) -> None:
    account = replace(
        settings(kerberos, Transport.CLEAR), auth_type=AuthType.KERBEROS, service_account_username="u04"
    )
    with pytest.raises(PrimaryUnavailable, match=r"u04@ADDC\.TEST.*wrong name or password"):
        await check(replace(account, service_account_password=Secret("wrong")), "u01")


@pytest_twisted.ensureDeferred
async def test_a_keytab_that_is_not_there_is_named(kerberos: SambaAD, tmp_path: Path) -> None:
    missing = replace(
        settings(kerberos, Transport.CLEAR), auth_type=AuthType.KERBEROS, keytab=tmp_path / "no.keytab"
    )
    with pytest.raises(PrimaryUnavailable, match=r"no\.keytab"):
        await check(missing, "u01")


@pytest.mark.parametrize("transport", [Transport.LDAPS, Transport.STARTTLS])
@pytest_twisted.ensureDeferred
async def test_kerberos_inside_tls_where_the_directory_takes_it(kerberos: SambaAD, transport: Transport) -> None:
    """Comes last: the domain controller is started anew with the setting that allows it."""
    if kerberos.strong_auth != "allow_sasl_over_tls":
        kerberos.stop()
        kerberos.strong_auth = "allow_sasl_over_tls"
        kerberos.start()
    with_keytab = replace(
        settings(kerberos, transport), auth_type=AuthType.KERBEROS, keytab=kerberos.keytab(SERVICE_USER)
    )
    found = await check(with_keytab, "u01")
    assert isinstance(found, Identity)
    denied = await check(with_keytab, "mustchange")
    assert isinstance(denied, Denied)
    assert denied.reason is Reason.PASSWORD_MUST_CHANGE
