"""Applications that know nothing of a second factor, before the daemon itself, with a real slapd behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ldap_front.site import LdapSite
from tests.peers.ldap_applications import Apache, Nslcd, PythonLdap, service_of
from tests.peers.slapd import BASE, PEOPLE, Slapd
from tests.system.sites import Codes

WAYS = ("clear", "starttls", "ldaps")
USERS = 20
ALICE, BOB = "user0001", "user0002"
NAMES = {name: f"uid={name},{PEOPLE}" for name in (ALICE, BOB)}


class Site(LdapSite):
    codes: dict[str, Codes]

    def right(self, name: str) -> str:
        """What the user types into the password field."""
        return f"pw-{name[-4:]},{self.codes[name].fresh()}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    options = f"exempt_primary_bind=false\nexempt_ou_1={Slapd.service_dn}"
    with Slapd(directory / "slapd", users=USERS) as slapd:
        made = Site(directory / "authproxy", slapd, options)
        made.codes = {name: made.enroll(name) for name in NAMES}
        made.daemon.start()
        yield made
        made.daemon.stop()


def url(site: Site, way: str) -> str:
    return f"ldaps://127.0.0.1:{site.ssl_port}" if way == "ldaps" else f"ldap://127.0.0.1:{site.port}"


def python_ldap(site: Site, way: str) -> PythonLdap:
    return PythonLdap(service_of(url(site, way), site.certificate.directory / "ca.pem"), way)


@pytest.mark.parametrize("way", WAYS)
def test_python_ldap_in_all_the_ways_that_applications_have(site: Site, way: str) -> None:
    alice, bob = NAMES[ALICE], NAMES[BOB]
    service = ("bind", Slapd.service_dn, Slapd.service_password)
    used = site.right(ALICE)
    said = python_ldap(site, way).run(
        # as the user at once
        ("bind", alice, used), ("bind", alice, used), ("bind", alice, "pw-0001,000000"),
        ("bind", alice, f"wrong,{site.codes[ALICE].fresh()}"),
        # a service account, a search, and the user on the same connection
        ("connect",), service, ("search", BASE, f"(uid={BOB})"), ("bind", bob, "pw-0002,000000"),
        ("search", BASE, f"(uid={BOB})"), ("bind", bob, site.right(BOB)),
        # a connection for each
        ("connect",), service, ("search", BASE, f"(uid={BOB})"), ("connect",), ("bind", bob, "pw-0002,000000"),
        ("connect",), ("bind", bob, site.right(BOB)),
        # many on one connection, and pages after that
        service, ("bind", alice, site.right(ALICE)), ("bind", bob, "wrong"), ("bind", bob, site.right(BOB)),
        ("page", PEOPLE, 7),
    )  # fmt: skip
    own, denied = f"dn:{Slapd.service_dn}", "INVALID_CREDENTIALS"
    assert said == [
        f"dn:{alice}", denied, denied, denied,
        "", own, [bob], denied, "NO_SUCH_OBJECT", f"dn:{bob}",
        "", own, [bob], "", denied, "", f"dn:{bob}",
        own, f"dn:{alice}", denied, f"dn:{bob}", USERS,
    ]  # fmt: skip


def test_a_linux_host_with_nslcd(site: Site) -> None:
    host = Nslcd(service_of(url(site, "clear"), site.certificate.directory / "ca.pem"))
    try:
        used = site.right(ALICE)
        assert host.login(ALICE, used), host.said()
        assert host.login(BOB, site.right(BOB))
        for typed in (used, "pw-0001,000000", f"pw-9999,{site.codes[ALICE].fresh()}"):
            assert not host.login(ALICE, typed)
        assert not host.login("nobody", "pw-0001")
        assert host.login(ALICE, site.right(ALICE))
    finally:
        host.stop()


def test_a_web_server_with_mod_authnz_ldap(site: Site) -> None:
    web = Apache(service_of(url(site, "ldaps"), site.certificate.directory / "ca.pem"))
    try:
        used = site.right(ALICE)
        assert web.login(ALICE, used) == 200
        assert web.login(BOB, site.right(BOB)) == 200
        for typed in (used, "pw-0001,000000", f"pw-9999,{site.codes[ALICE].fresh()}"):
            assert web.login(ALICE, typed) == 401
        assert web.login("nobody", "pw-0001") == 401
        assert web.login(ALICE, site.right(ALICE)) == 200
    finally:
        web.stop()


def test_every_login_is_on_record_and_nothing_but_the_service_account_needed_none(site: Site) -> None:
    log = site.daemon.log()
    exempt = [line for line in log.splitlines() if "without a second factor" in line]
    assert exempt and all(f"{Slapd.service_dn} from 127.0.0.1: bound" in line for line in exempt)
    assert {"Allow", "Reject"} == {event["status"] for event in site.events()}
