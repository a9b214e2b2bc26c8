"""The ways in which applications use a directory, with real clients, through the door, to a real slapd."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import ldap3
import pytest
import pytest_twisted
import trustme
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from authproxy.config.settings import AdClientSettings, AuthType, Transport
from authproxy.secret import Secret
from tests.ldap_front.certificate import Certificate
from tests.ldap_front.door import CODE, OTHER_CODE, Door
from tests.ldap_front.openldap import Tools
from tests.peers.slapd import BASE, PEOPLE, Slapd

USERS = tuple(f"user{number:04d}" for number in range(1, 40))
ALICE, BOB = (f"uid={name},{PEOPLE}" for name in USERS[:2])
WAYS = ("clear", "starttls", "ldaps")


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd") / "peer", users=120) as peer:
        yield peer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


def client_of(slapd: Slapd, transport: str = "clear") -> AdClientSettings:
    port = slapd.tls_port if transport == "ldaps" else slapd.port
    return AdClientSettings(
        "ad_client", (("localhost", port),), slapd.base, "", Secret(slapd.service_password), AuthType.PLAIN,
        bind_dn=slapd.service_dn, transport=Transport(transport), ssl_ca_certs_file=slapd.ca_file,
        username_attribute="uid", at_attribute="mail", timeout=5.0,
    )  # fmt: skip


MakeSite = Callable[..., Door]


@pytest.fixture
def make_site(slapd: Slapd, certificate: Certificate) -> Iterator[MakeSite]:
    made: list[Door] = []

    def make(upstream: str = "clear", **options: Any) -> Door:
        made.append(Door(client_of(slapd, upstream), USERS, **certificate.options(), **options))
        return made[-1]

    yield make
    for door in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(door.close()))


def tools(door: Door, certificate: Certificate, way: str = "clear") -> Tools:
    url = f"ldaps://127.0.0.1:{door.ssl_port}" if way == "ldaps" else f"ldap://127.0.0.1:{door.port}"
    return Tools(url, certificate.directory / "ca.pem", start_tls=way == "starttls")


def connect(door: Door, certificate: Certificate, way: str) -> ldap3.Connection:
    """With ldap3; not bound yet."""
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(certificate.directory / "ca.pem"))
    port = door.ssl_port if way == "ldaps" else door.port
    server = ldap3.Server("localhost", port, use_ssl=way == "ldaps", tls=tls, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, raise_exceptions=False, receive_timeout=20, check_names=False)
    connection.open()
    if way == "starttls":
        assert connection.start_tls(read_server_info=False)
    return connection


def rebind(connection: ldap3.Connection, name: str, password: str) -> int:
    """The result's code."""
    connection.rebind(user=name, password=password)
    return int(connection.result["result"])


# ---------------------------------------------------------------- the five patterns


@pytest.mark.parametrize("way", WAYS)
async def test_bind_as_the_user_at_once(make_site: MakeSite, certificate: Certificate, way: str) -> None:
    door = make_site(upstream=way)
    user = tools(door, certificate, way)
    assert await user.who_am_i(ALICE, f"pw-0001,{CODE}") == (0, f"dn:{ALICE}")
    assert await user.who_am_i("user0002@example.test", f"pw-0002,{CODE}") == (0, f"dn:{BOB}")
    status, said = await user.who_am_i(ALICE, f"pw-0001,{CODE}")  # used up
    assert status == 49 and "Access denied." in said
    assert (await user.who_am_i(ALICE, f"pw-9999,{OTHER_CODE}"))[0] == 49
    assert [login.reason for login in door.journal.logins] == ["", "", "passcode was already used", "bad password"]


@pytest.mark.parametrize("way", WAYS)
async def test_service_bind_search_and_bind_as_the_user_on_one_connection(
    make_site: MakeSite, slapd: Slapd, certificate: Certificate, way: str
) -> None:
    door = make_site(exempt_primary_bind=True)

    def application() -> list[object]:
        connection = connect(door, certificate, way)
        said: list[object] = [rebind(connection, slapd.service_dn, slapd.service_password)]
        connection.search(BASE, "(uid=user0001)", attributes=["uid", "mail"])
        found = connection.entries[0].entry_dn
        said += [found, rebind(connection, found, "pw-0001,999999"), connection.extend.standard.who_am_i()]
        said += [rebind(connection, found, f"pw-0001,{CODE}"), connection.extend.standard.who_am_i()]
        connection.unbind()
        return said

    assert await deferToThread(application) == [0, ALICE, 49, None, 0, f"dn:{ALICE}"]
    assert [login.result for login in door.journal.logins] == ["reject", "accept"]


async def test_a_connection_for_each_bind(make_site: MakeSite, slapd: Slapd, certificate: Certificate) -> None:
    door = make_site(exempt_ous=(f"ou=service,{BASE}",))
    application = tools(door, certificate, "starttls")
    status, found = await application.search(
        slapd.service_dn, slapd.service_password, "-b", BASE, "(mail=user0003@example.test)"
    )
    assert (status, found) == (0, [f"uid=user0003,{PEOPLE}"])
    assert await application.who_am_i(found[0], f"pw-0003,{CODE}") == (0, f"dn:{found[0]}")
    assert (await application.who_am_i(found[0], "pw-0003,999999"))[0] == 49


async def test_the_same_bind_again_and_again(make_site: MakeSite, certificate: Certificate) -> None:
    door = make_site(remember_bind_seconds=300)

    def application() -> list[int]:
        connection = connect(door, certificate, "clear")
        said = [rebind(connection, ALICE, f"pw-0001,{CODE}") for _ in range(5)]
        connection.unbind()
        return said

    assert await deferToThread(application) == [0] * 5
    assert [login.factor for login in door.journal.logins] == ["passcode", *["remembered bind"] * 4]


async def test_a_push_is_waited_for_and_a_denied_one_refused(
    make_site: MakeSite, certificate: Certificate
) -> None:
    door = make_site()
    user = tools(door, certificate, "ldaps")
    for approve, status in ((True, 0), (False, 49)):
        waiting = Deferred.fromCoroutine(user.who_am_i(ALICE, "pw-0001"))
        assert await door.push() == "user0001"
        door.decide("user0001", approve)
        assert (await waiting)[0] == status


@pytest.mark.parametrize("way", WAYS)
async def test_search_after_the_users_bind_page_by_page(
    make_site: MakeSite, certificate: Certificate, way: str
) -> None:
    door = make_site(upstream="ldaps")
    status, found = await tools(door, certificate, way).search(
        ALICE, f"pw-0001,{CODE}", "-b", PEOPLE, "-E", "pr=7/noprompt", "(uid=user*)"
    )
    assert status == 0 and len(set(found)) == 120


async def test_searches_after_the_users_bind_can_be_forbidden(
    make_site: MakeSite, certificate: Certificate
) -> None:
    door = make_site(allow_searches_after_bind=False)
    status, found = await tools(door, certificate).search(ALICE, f"pw-0001,{CODE}", "-b", PEOPLE)
    assert (status, found) == (50, [])


async def test_a_user_without_a_second_factor_and_one_with_bypass_status(
    make_site: MakeSite, certificate: Certificate
) -> None:
    door = make_site()
    door.second_factor._users["user0004"].status = "bypass"
    user = tools(door, certificate)
    assert (await user.who_am_i(f"uid=user0004,{PEOPLE}", "pw-0004"))[0] == 0
    assert (await user.who_am_i(f"uid=user0110,{PEOPLE}", "pw-0110"))[0] == 49
    assert [login.reason for login in door.journal.logins] == ["", "user is not enrolled"]


async def test_groups_and_filters_hold_for_ldap_logins_too(
    slapd: Slapd, certificate: Certificate, make_site: MakeSite
) -> None:
    import dataclasses

    group = f"cn=vpn,ou=Groups,{BASE}"
    for changes in ({"security_group_dn": group}, {"ldap_filter": f"(memberOf={group})"}):
        settings = dataclasses.replace(client_of(slapd), **changes)
        door = Door(settings, USERS)
        try:
            user = tools(door, certificate)
            assert (await user.who_am_i(ALICE, f"pw-0001,{CODE}"))[0] == 0
            for name in (f"uid=user0020,{PEOPLE}", "user0020"):
                assert (await user.who_am_i(name, f"pw-0020,{CODE}"))[0] == 49
        finally:
            await door.close()


async def test_password_policy_answers_reach_the_client(make_site: MakeSite, certificate: Certificate) -> None:
    door = make_site()
    status, said = await tools(door, certificate).run(
        "ldapwhoami", "-e", "ppolicy", "-D", f"uid=user0012,{PEOPLE}", "-w", f"pw-0012,{CODE}"
    )
    assert status == 49 and "Account locked" in said
    assert door.journal.logins[0].reason == "account locked in the directory"


# ---------------------------------------------------------------- certificates


async def test_a_new_certificate_is_shown_without_a_restart(make_site: MakeSite, certificate: Certificate) -> None:
    from authproxy.errors import ConfigError

    door = make_site()
    kept = await deferToThread(connect, door, certificate, "ldaps")
    other = trustme.CA()
    fresh = Certificate(certificate.directory, other)
    old = {name: (certificate.directory / name).read_bytes() for name in ("cert.pem", "key.pem", "ca.pem")}
    try:
        (certificate.directory / "cert.pem").write_text("nothing")
        with pytest.raises(ConfigError, match=r"ssl_cert_path: .*cert\.pem"):
            door.reload()
        (certificate.directory / "cert.pem").write_bytes(old["cert.pem"])
        other.issue_cert("localhost").private_key_pem.write_to_path(str(certificate.directory / "key.pem"))
        with pytest.raises(ConfigError, match=r"ssl_key_path: .*key\.pem"):
            door.reload()
        assert (await tools(door, certificate, "ldaps").who_am_i(ALICE, f"pw-0001,{CODE}"))[0] == 0
        fresh.issue("localhost")
        other.cert_pem.write_to_path(str(certificate.directory / "ca.pem"))
        door.reload()
        for way in ("ldaps", "starttls"):
            assert (await tools(door, certificate, way).who_am_i(BOB, "wrong"))[0] == 49
        assert await deferToThread(rebind, kept, ALICE, f"pw-0001,{OTHER_CODE}") == 0
        kept.unbind()
    finally:
        for name, data in old.items():
            (certificate.directory / name).write_bytes(data)


async def test_old_tls_versions_are_refused(make_site: MakeSite, certificate: Certificate) -> None:
    door = make_site(minimum_tls_version="tls1.3")

    def shake_hands(version: ssl.TLSVersion) -> str | None:
        import socket

        context = ssl.create_default_context(cafile=str(certificate.directory / "ca.pem"))
        context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", door.ssl_port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return secure.version()

    assert await deferToThread(shake_hands, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        await deferToThread(shake_hands, ssl.TLSVersion.TLSv1_2)


async def test_starttls_is_refused_where_there_is_no_certificate(slapd: Slapd, certificate: Certificate) -> None:
    door = Door(client_of(slapd), USERS)
    try:
        status, said = await tools(door, certificate, "starttls").who_am_i(ALICE, f"pw-0001,{CODE}")
        assert status != 0 and "no TLS is configured here" in said
        assert door.journal.logins == []
    finally:
        await door.close()
