"""Servers found through the DNS: the order of SRV records, when they are asked for anew, and a name server."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.names import dns, server
from twisted.names.authority import FileAuthority

from authproxy.ldap.discovery import Discovery, Found, NotFound, ask_servers, name_servers
from authproxy.ldap.service_records import ServiceRecord, in_order
from tests.peers.ports import free_port

NAME = "_ldap._tcp.dc._msdcs.corp.test"
ONE, TWO, THREE = (ServiceRecord(0, 100, 389, f"dc{number}.corp.test") for number in (1, 2, 3))


# ---------------------------------------------------------------- RFC 2782


@pytest.mark.parametrize("lot", [lambda most: 0, lambda most: most // 2, lambda most: most])
def test_lower_priorities_come_first_whatever_their_weight(lot: Callable[[int], int]) -> None:
    records = [ServiceRecord(20, 900, 389, "c"), ServiceRecord(10, 0, 389, "b"), ServiceRecord(0, 1, 389, "a")]
    assert [record.host for record in in_order(records, lot)] == ["a", "b", "c"]


def draw(seed: int) -> Sequence[str]:
    chance = random.Random(seed)
    records = [
        ServiceRecord(0, 60, 389, "often"),
        ServiceRecord(0, 20, 389, "seldom"),
        ServiceRecord(0, 20, 389, "too"),
    ]
    return [record.host for record in in_order(records, lambda most: chance.randint(0, most))]


def test_weights_are_shares_of_the_first_place() -> None:
    firsts = Counter(draw(seed)[0] for seed in range(2000))
    assert 1100 < firsts["often"] < 1300
    assert all(sorted(draw(seed)) == ["often", "seldom", "too"] for seed in range(20))


@pytest.mark.parametrize("lot", [lambda most: 0, lambda most: most])
def test_weights_of_nothing_still_have_an_order(lot: Callable[[int], int]) -> None:
    records = [ServiceRecord(0, 0, 389, "a"), ServiceRecord(0, 0, 389, "b")]
    assert {record.host for record in in_order(records, lot)} == {"a", "b"}


def test_a_record_without_host_means_that_there_is_no_such_service() -> None:
    assert in_order([ServiceRecord(0, 0, 0, "")], lambda most: 0) == []


# ---------------------------------------------------------------- asking anew


class Names:
    """Answers with what ``next`` holds: a Found, or a NotFound."""

    def __init__(self, answer: Found | NotFound) -> None:
        self.next = answer
        self.asked = 0

    async def __call__(self, name: str) -> Found:
        assert name == NAME
        self.asked += 1
        if isinstance(self.next, NotFound):
            raise self.next
        return self.next


class Watched:
    def __init__(self, answer: Found | NotFound) -> None:
        self.clock, self.names = Clock(), Names(answer)
        self.told: list[Sequence[ServiceRecord]] = []
        self.discovery = Discovery(NAME, self.names, self.clock, self.told.append)


async def test_asked_once_until_the_time_of_the_records_is_over() -> None:
    watched = Watched(Found([ONE], 600))
    for _ in range(3):
        await watched.discovery.ready()
    watched.clock.advance(599)
    assert (watched.names.asked, watched.told) == (1, [[ONE]])
    watched.names.next = Found([ONE, TWO], 600)
    watched.clock.advance(2)
    assert (watched.names.asked, watched.told) == (2, [[ONE], [ONE, TWO]])


async def test_the_same_records_in_another_order_change_nothing() -> None:
    watched = Watched(Found([ONE, TWO], 600))
    await watched.discovery.ready()
    watched.names.next = Found([TWO, ONE], 600)
    watched.clock.advance(601)
    assert (watched.names.asked, len(watched.told)) == (2, 1)


@pytest.mark.parametrize(("ttl", "soonest"), [(0, 60), (86_400, 3600)])
async def test_not_asked_all_the_time_and_not_never(ttl: float, soonest: float) -> None:
    watched = Watched(Found([ONE], ttl))
    await watched.discovery.ready()
    watched.clock.advance(soonest - 1)
    assert watched.names.asked == 1
    watched.clock.advance(1)
    assert watched.names.asked == 2


async def test_while_the_dns_is_down_what_was_found_is_kept() -> None:
    watched = Watched(Found([ONE], 60))
    await watched.discovery.ready()
    watched.names.next = NotFound("down")
    watched.clock.advance(60)
    await watched.discovery.ready()
    assert watched.told == [[ONE]]
    watched.names.next = Found([TWO], 60)
    watched.clock.advance(30)
    assert watched.told == [[ONE], [TWO]]


@pytest.mark.parametrize("answer", [NotFound("down"), Found([], 60), Found([ServiceRecord(0, 0, 0, "")], 60)])
async def test_without_any_server_the_next_login_asks_again(answer: Found | NotFound) -> None:
    watched = Watched(answer)
    for _ in range(2):
        with pytest.raises(NotFound):
            await watched.discovery.ready()
    watched.names.next = Found([THREE], 60)
    await watched.discovery.ready()
    assert (watched.names.asked, watched.told) == (3, [[THREE]])


async def test_nothing_is_asked_after_the_end() -> None:
    watched = Watched(Found([ONE], 60))
    await watched.discovery.ready()
    watched.discovery.close()
    watched.clock.advance(10_000)
    assert (watched.names.asked, watched.clock.getDelayedCalls()) == (1, [])


# ---------------------------------------------------------------- a name server


class Zone(FileAuthority):
    """``corp.test``, without a file."""

    def loadFile(self, filename: object) -> None:
        soa = dns.Record_SOA(mname="ns.corp.test", rname="root.corp.test", serial=1)
        self.soa = (b"corp.test", soa)
        many = [
            dns.Record_SRV(1, 0, 389, f"a-server-with-a-long-name-{n:03}.corp.test", ttl=300) for n in range(60)
        ]
        self.records = {
            b"corp.test": [soa],
            NAME.encode(): [
                dns.Record_SRV(0, 100, 389, "DC1.corp.test", ttl=300),
                dns.Record_SRV(10, 50, 3268, "dc2.corp.test", ttl=120),
            ],
            b"_ldap._tcp.many.corp.test": many,
        }


@pytest.fixture
def name_server() -> Iterator[tuple[str, int]]:
    factory = server.DNSServerFactory(authorities=[Zone("unused")], verbose=0)
    factory.noisy = False
    port = free_port()
    udp = reactor.listenUDP(port, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
    tcp = reactor.listenTCP(port, factory, interface="127.0.0.1")
    yield "127.0.0.1", port
    for listening in (udp, tcp):
        pytest_twisted.blockon(Deferred.fromCoroutine(_stop(listening)))


async def _stop(listening: object) -> None:
    await listening.stopListening()  # type: ignore[attr-defined]


async def test_records_of_a_name_server(name_server: tuple[str, int]) -> None:
    found = await ask_servers(NAME, [name_server], reactor)
    assert sorted(found.records) == [
        ServiceRecord(0, 100, 389, "dc1.corp.test"),
        ServiceRecord(10, 50, 3268, "dc2.corp.test"),
    ]
    assert found.ttl == 120


async def test_more_records_than_a_datagram_holds(name_server: tuple[str, int]) -> None:
    found = await ask_servers("_ldap._tcp.many.corp.test", [name_server], reactor)
    assert len(found.records) == 60


async def test_a_name_that_the_server_does_not_know(name_server: tuple[str, int]) -> None:
    with pytest.raises(NotFound, match=r"the DNS knows no _ldap\._tcp\.gone\.corp\.test"):
        await ask_servers("_ldap._tcp.gone.corp.test", [name_server], reactor)


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("search corp.test\nnameserver 192.0.2.1\nnameserver  2001:db8::1 # x\n", ["192.0.2.1", "2001:db8::1"]),
        ("; nothing\nnameserver\n", ["127.0.0.1"]),
    ],
)
def test_name_servers_of_the_system(tmp_path: Path, text: str, servers: list[str]) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(text)
    assert name_servers(file) == [(server, 53) for server in servers]
    assert name_servers(tmp_path / "gone") == [("127.0.0.1", 53)]
