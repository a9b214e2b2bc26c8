"""Whether logins can be served, and who is told how much of it."""

from __future__ import annotations

import json
from ipaddress import ip_address

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.errors import StoreUnavailable
from authproxy.metrics import Metrics
from authproxy.metrics_state import HostState, SectionState
from authproxy.monitor.pages import Insiders, Pages, Reply
from authproxy.monitor.readiness import Readiness

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


class Database:
    """Takes commits, or holds them back."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.is_stuck = False
        self.commits = 0

    def touch(self) -> Deferred[None]:
        self.commits += 1
        fired: Deferred[None] = Deferred()
        if self.problem is not None:
            fired.errback(StoreUnavailable(self.problem))
        elif not self.is_stuck:
            fired.callback(None)
        return fired


class Place:
    def __init__(self, insiders: Insiders | None = None) -> None:
        self.clock = Clock()
        self.database = Database()
        self.ports = {"127.0.0.1:1812/udp": True}
        self.metrics = Metrics()
        readiness = Readiness(self.database.touch, lambda: self.ports, self.clock)
        self.pages = Pages(self.metrics, readiness, insiders or Insiders(()))

    def ask(self, path: str, peer: str = HERE) -> Deferred[Reply]:
        return Deferred.fromCoroutine(self.pages.get(path, peer, ""))

    async def get(self, path: str, peer: str = HERE) -> Reply:
        reply = await self.ask(path, peer)
        self.clock.advance(2)
        return reply


async def test_ready_with_a_database_that_takes_commits_and_open_ports() -> None:
    place = Place()
    reply = await place.get("/ready")
    assert (reply.status, reply.content_type) == (200, "application/json")
    shown = json.loads(reply.body)
    assert shown["ready"] is True
    assert shown["checks"] == {"database": "ok", "127.0.0.1:1812/udp": "ok"}


async def test_not_ready_when_the_database_fails_and_ready_again_when_it_is_back() -> None:
    place = Place()
    place.database.problem = "database authproxy.db: the disk is full"
    reply = await place.get("/ready")
    assert reply.status == 503
    assert json.loads(reply.body)["checks"]["database"] == "database authproxy.db: the disk is full"
    place.database.problem = None
    assert (await place.get("/ready")).status == 200


async def test_a_closed_port_is_not_ready() -> None:
    place = Place()
    place.ports["127.0.0.1:1812/udp"] = False
    reply = await place.get("/ready")
    assert (reply.status, json.loads(reply.body)["checks"]["127.0.0.1:1812/udp"]) == (503, "not open")


async def test_a_database_that_does_not_answer_is_not_waited_for_longer_than_three_seconds() -> None:
    place = Place()
    place.database.is_stuck = True
    asked = [place.ask("/ready"), place.ask("/ready")]
    place.clock.advance(2.9)
    assert not asked[0].called
    place.clock.advance(0.2)
    replies = [await one for one in asked]
    assert [reply.status for reply in replies] == [503, 503]
    assert "no commit within 3 seconds" in replies[0].body.decode()
    assert place.database.commits == 1


async def test_many_who_ask_cost_one_commit_a_second() -> None:
    place = Place()
    for _ in range(10):
        assert (await place.ask("/ready", ELSEWHERE)).body == b"ready\n"
    assert place.database.commits == 1
    place.clock.advance(1)
    await place.ask("/ready")
    assert place.database.commits == 2


async def test_who_is_not_listed_learns_only_whether_it_is_ready() -> None:
    place = Place()
    assert (await place.get("/ready", ELSEWHERE)).body == b"ready\n"
    place.ports["127.0.0.1:1812/udp"] = False
    assert await place.get("/ready", ELSEWHERE) == Reply(503, b"not ready\n")
    assert await place.get("/live", ELSEWHERE) == Reply(200, b"live\n")
    assert (await place.get("/metrics", ELSEWHERE)).status == 403
    assert (await place.get("/", ELSEWHERE)).status == 404


async def test_a_list_of_insiders_replaces_this_host() -> None:
    span = (ip_address("192.0.2.0"), ip_address("192.0.2.255"))
    place = Place(Insiders([span]))
    assert (await place.get("/metrics", ELSEWHERE)).status == 200
    assert (await place.get("/metrics", f"::ffff:{ELSEWHERE}")).status == 200
    assert (await place.get("/metrics", HERE)).status == 403


async def test_upstream_hosts_are_told_but_do_not_decide() -> None:
    place = Place()
    hosts = (HostState("10.0.0.1:1812", is_up=False, failures=1), HostState("10.0.0.2:1812", True, 0))
    place.metrics.states.watch({"radius_client": lambda: SectionState(1, hosts)}, {})
    reply = await place.get("/ready")
    assert reply.status == 200
    upstreams = json.loads(reply.body)["upstreams"]
    assert upstreams == {"radius_client": {"10.0.0.1:1812": "down", "10.0.0.2:1812": "up"}}
