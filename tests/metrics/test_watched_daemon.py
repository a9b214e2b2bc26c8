"""The real daemon as monitoring sees it: figures, health, syslog."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from authproxy.metrics import Metrics
from tests.metrics.names import names_in
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.syslog.receiver import Message, Receiver
from tests.system.daemon import Daemon

SECRET = "a radius secret"
MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
CONFIG = """\
[main]
log_auth_events=true
syslog_host=127.0.0.1
syslog_port={syslog}
syslog_transport=tcp
syslog_facility=LOG_AUTHPRIV

[service]
state_dir={state}
seed_key={key}
interface=127.0.0.1
port={web}

[metrics]
port={port}

[duo_only_client]

[radius_client]
host=127.0.0.1
port={nobody}
secret=upstream
retries=0
retry_wait=0.2

[radius_server_auto]
client=duo_only_client
interface=127.0.0.1
port={radius}
radius_ip_1=127.0.0.1
radius_secret_1={secret}

[radius_server_auto2]
client=radius_client
interface=127.0.0.1
port={relayed}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
"""


@dataclass
class Watched:
    daemon: Daemon
    syslog: Receiver
    port: int
    radius: int
    relayed: int
    nobody: int

    def get(self, path: str, accept: str = "text/plain") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def value(self, name: str, **labels: str) -> float:
        """0 for what was never counted."""
        _, text = self.get("/metrics")
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)

    def login(self, name: str, typed: str, port: int = 0) -> str | None:
        return Radclient(("127.0.0.1", port or self.radius), SECRET, timeout=30).login(name, typed).code


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    receiver = Receiver()
    tcp = {name: free_port() for name in ("web", "port")}
    udp = {name: free_port() for name in ("radius", "relayed", "nobody")}
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    config = CONFIG.format(**tcp, **udp, syslog=receiver.port, state=directory / "state", key=key, secret=SECRET)
    daemon = Daemon(directory, config)
    daemon.json("user", "add", "alice")
    try:
        yield Watched(daemon.start(), receiver, tcp["port"], udp["radius"], udp["relayed"], udp["nobody"])
    finally:
        daemon.stop()
        receiver.close()


def test_it_is_live_and_ready_with_every_port_named(watched: Watched) -> None:
    assert watched.get("/live") == (200, "live\n")
    status, text = watched.get("/ready")
    checks = json.loads(text)["checks"]
    assert (status, set(checks.values())) == (200, {"ok"})
    ports = {f"127.0.0.1:{port}/udp" for port in (watched.radius, watched.relayed)}
    assert set(checks) == {"database", "web", *ports}
    assert f"[metrics] on 127.0.0.1 port {watched.port}/tcp (HTTP)" in watched.daemon.log()


def test_logins_are_counted_and_a_dead_upstream_server_shows(watched: Watched) -> None:
    code = str(watched.daemon.json("bypass", "create", "alice")["codes"][0])  # type: ignore[index]
    assert watched.login("alice", code) == "Access-Accept"
    assert watched.login("alice", code) == "Access-Reject"
    assert watched.login("alice", "secret,123456", watched.relayed) == "Access-Reject"
    section = "radius_server_auto"
    assert watched.value("authproxy_logins_total", section=section, result="accept", factor="bypass code") == 1
    assert watched.value("authproxy_logins_total", section=section, result="reject") == 1
    assert watched.value("authproxy_login_seconds_count", section=section) == 2
    host = f"127.0.0.1:{watched.nobody}"
    assert watched.value("authproxy_upstream_failures_total", section="radius_client", host=host) >= 1
    assert watched.value("authproxy_database_commit_seconds_count") >= 2
    assert watched.value("authproxy_certificate_expiry_timestamp_seconds", role="web") > 1e9
    assert watched.value("authproxy_log_lines_total", level="info") > 0
    assert watched.value("process_resident_memory_bytes") > 1e6


def test_open_metrics_is_given_to_who_asks_for_it(watched: Watched) -> None:
    status, text = watched.get("/metrics", "application/openmetrics-text; version=1.0.0")
    assert status == 200
    assert text.endswith("# EOF\n")


def test_no_user_is_named(watched: Watched) -> None:
    assert watched.login("alice", "000000") == "Access-Reject"
    assert "alice" not in watched.get("/metrics")[1]


def test_a_login_reaches_the_syslog_server_with_its_id(watched: Watched) -> None:
    assert watched.login("mallory", "000000") == "Access-Reject"
    message = _next_login(watched.syslog, "mallory")
    assert (message.facility, message.severity) == (10, 6)
    explained = watched.daemon.json("explain", message.data["login_id"])
    (login,) = explained["logins"]  # type: ignore[misc]
    assert (login["username"], login["section"]) == ("mallory", message.data["section"])
    assert message.data["reason"] == login["reason"]


def _next_login(receiver: Receiver, user: str) -> Message:
    while True:
        message = receiver.next()
        if message.kind == "login" and message.data["user"] == user:
            return message


def test_dashboard_and_alerts_name_figures_that_are_there(watched: Watched) -> None:
    """With the labels that they have."""
    _, text = watched.get("/metrics")
    known: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        known.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, set())
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels)
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((MONITORING / "grafana.json").read_text("utf-8"))
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(expressions) > 20
    unknown = {
        (name, label)
        for expression in expressions
        for name, labels in names_in(expression)
        for label in (labels - known[name] if known.get(name) else {""} if name not in known else ())
    }
    assert unknown == set()


def test_every_figure_is_on_the_page_about_them() -> None:
    page = (MONITORING.parent / "monitoring.md").read_text("utf-8")
    families = [family for family in Metrics().registry.collect() if family.name.startswith("authproxy")]
    assert [family.name for family in families if f"`{family.name}" not in page] == []


def test_every_alert_says_what_to_do() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert {"alert", "expr", "labels", "annotations"} <= set(rule)
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"]
