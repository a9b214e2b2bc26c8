"""What is counted, and that labels stay within bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.logger import capturedLogs, formatEvent

from authproxy.config.settings import RadiusClientSettings, Transport, UpstreamHost
from authproxy.errors import PrimaryUnavailable
from authproxy.loginlog import LoginLog, SectionNames
from authproxy.metrics import Metrics
from authproxy.metrics_state import HostState, LogState, SectionState
from authproxy.model import LoginRecord, Reason, Step
from authproxy.primary.directory import DirectoryPrimary
from authproxy.radius.client import UpstreamClient
from authproxy.radius.packet import ACCESS_REQUEST
from authproxy.secret import Secret
from authproxy.store.engine import open_sqlite
from authproxy.store.writer import Writer
from tests.peers.fake_upstream import SECRET, FakeUpstream, silence
from tests.peers.slapd import Slapd
from tests.primary.directories import login as directory_login
from tests.primary.directories import settings_for


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None, f"{name} {labels}"
    return found


def login(result: str, reason: str = "", factor: str = "", *steps: Step) -> LoginRecord:
    return LoginRecord(
        "ABC", 0.0, "radius_server_auto", "alice", "192.0.2.1", None, result, reason, factor, "", steps, 3.0
    )


def test_a_login_is_counted_with_its_stages() -> None:
    metrics = Metrics()
    announce = LoginLog(SectionNames("radius_server_auto", None), metrics, None)
    steps = (Step("primary", "ok", "", 0.2), Step("second factor", "allowed", "push", 3.0))
    announce(login("accept", "", "push", *steps))
    section = {"section": "radius_server_auto"}
    assert value(metrics, "authproxy_logins_total", result="accept", reason="", factor="push", **section) == 1
    assert value(metrics, "authproxy_login_seconds_sum", **section) == 3.0
    assert value(metrics, "authproxy_stage_seconds_sum", stage="primary", **section) == 0.2
    assert abs(value(metrics, "authproxy_stage_seconds_sum", stage="second factor", **section) - 2.8) < 1e-9


@pytest.mark.parametrize(
    ("nas", "client_ip", "said"),
    [
        ("192.0.2.1", "198.51.100.7", "alice from 192.0.2.1: "),
        ("", "198.51.100.7", "alice from 198.51.100.7: "),
        ("", None, "alice from an unknown address: "),
    ],
)
def test_the_log_says_whence_a_login_came(nas: str, client_ip: str | None, said: str) -> None:
    announce = LoginLog(SectionNames("portal", None), Metrics(), None)
    with capturedLogs() as events:
        announce(replace(login("accept"), nas=nas, client_ip=client_ip))
    assert said in str(formatEvent(events[0]))


def test_reasons_that_are_not_ours_share_one_label() -> None:
    metrics = Metrics()
    announce = LoginLog(SectionNames("radius_server_auto", None), metrics, None)
    for number in range(50):
        announce(login("reject", f"made up {number}"))
    for reason in Reason:
        announce(login("reject", reason))
    labels = {
        sample.labels["reason"]
        for family in metrics.registry.collect()
        if family.name == "authproxy_logins"
        for sample in family.samples
    }
    assert labels == {"other", *Reason}
    everything = str([sample for family in metrics.registry.collect() for sample in family.samples])
    assert "alice" not in everything


def test_a_state_is_read_when_it_is_asked_for_and_a_new_configuration_replaces_the_old() -> None:
    metrics = Metrics()
    metrics.states.watch(
        {"a": lambda: SectionState(2, (HostState("h:1", True, 0),))}, {("web", "service"): lambda: 9.0}
    )
    assert value(metrics, "authproxy_upstream_up", section="a", host="h:1") == 1
    assert value(metrics, "authproxy_upstream_failovers_total", section="a") == 2
    expiry = "authproxy_certificate_expiry_timestamp_seconds"
    assert value(metrics, expiry, role="web", section="service", host="") == 9.0
    metrics.states.watch({}, {})
    assert metrics.registry.get_sample_value("authproxy_upstream_failovers_total", {"section": "a"}) is None
    metrics.states.log = lambda: LogState({"warn": 3}, {"syslog": 1})
    assert value(metrics, "authproxy_log_lines_total", level="warn") == 3
    assert value(metrics, "authproxy_log_lines_lost_total", sink="syslog") == 1


async def test_an_upstream_server_that_falls_silent_is_down_and_the_next_one_is_a_failover() -> None:
    dead, living = FakeUpstream(reactor, silence), FakeUpstream(reactor)
    hosts = tuple(UpstreamHost("127.0.0.1", peer.port, Secret(SECRET.decode())) for peer in (dead, living))
    settings = RadiusClientSettings("radius_client", hosts, retries=0, retry_wait=0.05)
    client = UpstreamClient(settings, reactor, reactor, reactor.nameResolver)
    metrics = Metrics()
    metrics.states.watch({"radius_client": client.state}, {})
    try:
        await client.exchange(ACCESS_REQUEST, lambda _secret, _authenticator: [])
        first, second = (f"127.0.0.1:{peer.port}" for peer in (dead, living))
        section = {"section": "radius_client"}
        assert value(metrics, "authproxy_upstream_up", host=first, **section) == 0
        assert value(metrics, "authproxy_upstream_up", host=second, **section) == 1
        assert value(metrics, "authproxy_upstream_failures_total", host=first, **section) == 1
        assert value(metrics, "authproxy_upstream_failovers_total", **section) == 1
        requests = "authproxy_upstream_requests_total"
        assert value(metrics, requests, host=first, outcome="unanswered", **section) == 1
        assert value(metrics, requests, host=second, outcome="answered", **section) == 1
    finally:
        client.close()
        await dead.stop()
        await living.stop()


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    with Slapd(tmp_path / "peer", users=5) as peer:
        yield peer


async def test_the_directory_shows_its_connections_and_when_its_certificate_expires(slapd: Slapd) -> None:
    settings = settings_for(slapd, ports=(slapd.tls_port,), transport=Transport.LDAPS)
    primary = DirectoryPrimary(settings, reactor)
    metrics = Metrics()
    metrics.states.watch({"ad_client": primary.state}, {})
    labels = {"section": "ad_client", "host": f"localhost:{slapd.tls_port}"}
    try:
        await directory_login(primary, "user0001", b"wrong")
        assert value(metrics, "authproxy_upstream_up", **labels) == 1
        assert value(metrics, "authproxy_directory_connections", state="idle", **labels) == 1
        assert value(metrics, "authproxy_directory_connections", state="service", **labels) == 1
        assert value(metrics, "authproxy_directory_waiting", **labels) == 0
        expiry = value(metrics, "authproxy_certificate_expiry_timestamp_seconds", role="directory", **labels)
        assert expiry > time.time()
        slapd.stop()
        await directory_login_fails(primary)
        assert value(metrics, "authproxy_upstream_up", **labels) == 0
    finally:
        primary.close()


async def directory_login_fails(primary: DirectoryPrimary) -> None:
    with pytest.raises(PrimaryUnavailable):
        await directory_login(primary, "user1", b"wrong")


async def test_commits_are_timed_and_the_touch_reaches_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "authproxy.db"
    metrics = Metrics()
    writer = Writer(path, open_sqlite(f"sqlite:///{path}"), reactor)
    writer.on_commit = metrics.commit_seconds.observe
    writer.start()
    before = Path(f"{path}-wal").stat().st_size if Path(f"{path}-wal").exists() else 0
    await writer.touch()
    assert value(metrics, "authproxy_database_commit_seconds_count") == 1
    assert Path(f"{path}-wal").stat().st_size > before
    await writer.stop()
