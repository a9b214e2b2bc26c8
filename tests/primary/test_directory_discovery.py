"""``host=_ldap._tcp...``: the servers that the DNS names are used, checked by their own names, and replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from twisted.internet import reactor
from twisted.internet.task import deferLater

from authproxy.config.settings import Transport
from authproxy.errors import PrimaryUnavailable
from authproxy.ldap.discovery import Found, NotFound
from authproxy.ldap.service_records import ServiceRecord
from authproxy.model import Identity
from authproxy.primary.directory import DirectoryPrimary
from tests.peers.slapd import Slapd
from tests.primary.directories import login, settings_for

NAME = "_ldap._tcp.example.test"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Slapd, Slapd]]:
    directory: Path = tmp_path_factory.mktemp("slapd")
    with Slapd(directory / "one", users=20) as one, Slapd(directory / "two", users=20) as two:
        yield one, two


class Names:
    """What the DNS has at the moment."""

    def __init__(self, *records: ServiceRecord) -> None:
        self.records = records

    async def __call__(self, name: str) -> Found:
        if not self.records:
            raise NotFound(f"the DNS knows no {name}")
        return Found(self.records, 60)


def target(peer: Slapd, priority: int = 0, host: str = "localhost") -> ServiceRecord:
    return ServiceRecord(priority, 0, peer.port, host)


def primary_for(peer: Slapd, names: Names, **changes: Any) -> DirectoryPrimary:
    settings = replace(settings_for(peer, **changes), hosts=(), service=NAME)
    return DirectoryPrimary(settings, reactor, names)


@pytest.fixture
def closing() -> Iterator[list[DirectoryPrimary]]:
    made: list[DirectoryPrimary] = []
    yield made
    for primary in made:
        primary.close()
    pytest_twisted.blockon(deferLater(reactor, 0.02, lambda: None))


async def test_the_first_that_answers_checks_the_password(
    pair: tuple[Slapd, Slapd], closing: list[DirectoryPrimary]
) -> None:
    one, two = pair
    gone = ServiceRecord(0, 0, 1, "localhost")
    primary = primary_for(one, Names(target(two, 20), target(one, 10), gone))
    closing.append(primary)
    who = await login(primary, "user0001", b"pw-0001")
    assert isinstance(who, Identity)
    assert [host.port for host in primary._hosts.all] == [1, one.port, two.port]
    assert [host.is_up for host in primary._hosts.all] == [False, True, True]
    with pytest.raises(PrimaryUnavailable, match="localhost:1"):
        await primary.verify()


async def test_the_certificate_must_be_for_the_server_that_the_dns_names(
    pair: tuple[Slapd, Slapd], closing: list[DirectoryPrimary], tmp_path: Path
) -> None:
    secured = primary_for(pair[0], Names(target(pair[0])), transport=Transport.STARTTLS)
    closing.append(secured)
    assert isinstance(await login(secured, "user0001", b"pw-0001"), Identity)
    other = trustme.CA()
    with Slapd(tmp_path / "peer", users=1, certificate=other.issue_cert("example.test")) as peer:
        other.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        elsewhere = primary_for(
            peer, Names(target(peer)), transport=Transport.STARTTLS, ssl_ca_certs_file=tmp_path / "ca.pem"
        )
        closing.append(elsewhere)
        with pytest.raises(PrimaryUnavailable, match=r"for example\.test, not for 'localhost'"):
            await login(elsewhere, "user0001", b"pw-0001")


async def test_a_port_of_ones_own_replaces_that_of_the_records(
    pair: tuple[Slapd, Slapd], closing: list[DirectoryPrimary]
) -> None:
    names = Names(ServiceRecord(0, 0, 389, "localhost"))
    primary = primary_for(pair[0], names, transport=Transport.LDAPS, port=pair[0].tls_port)
    closing.append(primary)
    assert isinstance(await login(primary, "user0001", b"pw-0001"), Identity)


async def test_servers_that_come_and_go(pair: tuple[Slapd, Slapd], closing: list[DirectoryPrimary]) -> None:
    one, two = pair
    primary = primary_for(one, Names(target(one), target(two, 1)))
    closing.append(primary)
    await login(primary, "user0001", b"pw-0001")
    first, second = primary._hosts.all
    primary._hosts._use([target(two), ServiceRecord(5, 0, 1, "localhost")])
    kept, new = primary._hosts.all
    assert kept is second and new.port == 1
    assert isinstance(await login(primary, "user0001", b"pw-0001"), Identity)
    assert first in primary._hosts._retired


async def test_while_the_dns_knows_none_nobody_is_judged(
    pair: tuple[Slapd, Slapd], closing: list[DirectoryPrimary]
) -> None:
    names = Names()
    primary = primary_for(pair[0], names)
    closing.append(primary)
    with pytest.raises(PrimaryUnavailable, match=f"the DNS knows no {NAME}"):
        await login(primary, "user0001", b"pw-0001")
    names.records = (target(pair[0]),)
    assert isinstance(await login(primary, "user0001", b"pw-0001"), Identity)
