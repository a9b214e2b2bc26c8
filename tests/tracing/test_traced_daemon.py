"""The real daemon with a collector, and with one that is away."""

from __future__ import annotations

import base64
import secrets
import time
from pathlib import Path

import pytest

from authproxy.config.build import examine
from authproxy.running.talk import call
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.system.daemon import Daemon
from tests.tracing.collector import Collector, values

SECRET = "a radius secret"
CONFIG = """\
[main]
otel_endpoint={endpoint}
{more}
[service]
state_dir={state}
seed_key={key}

[duo_only_client]

[radius_server_auto]
client=duo_only_client
interface=127.0.0.1
port={radius}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
"""


class Traced:
    def __init__(self, directory: Path) -> None:
        self.collector = Collector()
        self.radius = free_port()
        self.text = {"state": directory / "state", "key": base64.b64encode(secrets.token_bytes(32)).decode()}
        self.daemon = Daemon(directory, self.config(""))

    def config(self, more: str) -> str:
        return CONFIG.format(
            **self.text, endpoint=self.collector.endpoint, more=more, radius=self.radius, secret=SECRET
        )

    def reload(self) -> None:
        talk = call(self.daemon.directory / "state")
        try:
            assert talk.ask("reload", 60)["done"]
        finally:
            talk.close()

    def login(self, name: str, code: str) -> str | None:
        return Radclient(("127.0.0.1", self.radius), SECRET, timeout=30).login(name, code).code


@pytest.mark.peer("radclient")
def test_logins_are_traced_and_a_collector_that_is_away_changes_nothing_for_them(tmp_path: Path) -> None:
    traced = Traced(tmp_path)
    daemon = traced.daemon
    daemon.json("user", "add", "alice")
    code = str(daemon.json("bypass", "create", "alice")["codes"][0])  # type: ignore[index]
    try:
        daemon.start()
        assert traced.login("alice", code) == "Access-Accept"
        resource, spans = traced.collector.next()
        assert resource["service.name"] == "authproxy"
        root = next(span for span in spans if span.name == "login")
        told = values(list(root.attributes))
        assert told["authproxy.factor"] == "bypass code"
        assert "enduser.id" not in told
        assert "second factor" in [span.name for span in spans]

        daemon.config.write_text(traced.config("otel_usernames=true\n"))
        traced.reload()
        assert traced.login("alice", "000000") == "Access-Reject"
        _, spans = traced.collector.next()
        root = next(span for span in spans if span.name == "login")
        assert values(list(root.attributes))["enduser.id"] == "alice"

        traced.collector.close()
        for _ in range(3):
            assert traced.login("alice", "000000") == "Access-Reject"
        _wait_for(daemon, "does not take them")
        traced.collector = Collector(port=traced.collector.port)
        assert traced.login("alice", "000000") == "Access-Reject"
        _wait_for(daemon, "takes them again")
    finally:
        assert daemon.stop() == 0
        traced.collector.close()
    assert sum("does not take them" in line for line in daemon.output) <= 1


def _wait_for(daemon: Daemon, text: str) -> None:
    give_up = time.monotonic() + 60
    while text not in daemon.log():
        assert time.monotonic() < give_up, daemon.log()
        time.sleep(0.1)


def test_options_without_an_endpoint_are_said_to_have_no_effect(tmp_path: Path) -> None:
    file = tmp_path / "authproxy.cfg"
    file.write_text("[main]\notel_usernames=true\n[duo_only_client]\n")
    problems = [problem.render() for problem in examine(file, syntax_only=True).problems]
    assert any("otel_usernames: has no effect without otel_endpoint" in line for line in problems)


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://collector", "http://user:pw@collector/v1/traces", "http://c/v1?key=x"]
)
def test_an_endpoint_must_be_a_url(tmp_path: Path, url: str) -> None:
    file = tmp_path / "authproxy.cfg"
    file.write_text(f"[main]\notel_endpoint={url}\n")
    errors = [problem for problem in examine(file, syntax_only=True).problems if problem.key == "otel_endpoint"]
    assert [problem.message for problem in errors] == ["bad value"]


def test_without_the_extra_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authproxy.config.check_monitor.find_spec", lambda name: None)
    file = tmp_path / "authproxy.cfg"
    file.write_text("[main]\notel_endpoint=http://127.0.0.1:4318/v1/traces\n")
    errors = [problem for problem in examine(file, syntax_only=True).problems if problem.key == "otel_endpoint"]
    assert [problem.message for problem in errors] == [
        "traces need what is not installed: pip install 'authproxy[otel]'"
    ]
