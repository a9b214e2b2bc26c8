"""The real daemon, told by the commands: primary-only mode, logins in detail, its figures."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from click.testing import CliRunner, Result

from authproxy.cli import main
from authproxy.store.engine import Database
from tests.cli.commands_page import documented_keys, keys
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.peers.slapd import BASE, PEOPLE, Slapd
from tests.system.daemon import Daemon

SECRET = "a radius secret"
ACCEPT, REJECT, CHALLENGE = "Access-Accept", "Access-Reject", "Access-Challenge"
CONFIG = """\
[main]
log_auth_events=true
[service]
state_dir={state}
seed_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
[metrics]
port={metrics}
[ad_client]
host=127.0.0.1
port={ldap}
auth_type=plain
bind_dn={service_dn}
service_account_password={service_password}
search_dn={base}
username_attribute=uid
[radius_server_auto]
interface=127.0.0.1
port={auto}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
exempt_username_1=user0003
factors=passcode
[radius_server_challenge]
interface=127.0.0.1
port={challenge}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
[radius_server_concat]
interface=127.0.0.1
port={concat}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
factors=passcode
[radius_server_auto2]
interface=127.0.0.1
port={remote}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
ikey=DIXXXXXXXXXXXXXXXXXX
skey=0123456789012345678901234567890123456789
api_host=localhost
api_port={api}
failmode=secure
[ldap_server_auto]
interface=127.0.0.1
port={door}
"""


class Callers:
    """In the place of a remote service: counts who calls, and hangs up."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.count = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.count += 1
            connection.close()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


class Site:
    def __init__(self, daemon: Daemon, ports: dict[str, int], callers: Callers) -> None:
        self.daemon, self.ports, self.callers = daemon, ports, callers

    def run(self, *words: str) -> Result:
        """A command beside the daemon, in this process."""
        return CliRunner().invoke(main, [*words, "--config", str(self.daemon.config)])

    def json(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--json")
        assert done.exit_code == 0, done.output
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    def login(self, section: str, typed: str, user: str = "user0001") -> str:
        return Radclient(("127.0.0.1", self.ports[section]), SECRET, timeout=30).login(user, typed).code

    def bind(self, password: str) -> bool:
        server = ldap3.Server("127.0.0.1", self.ports["door"], get_info=ldap3.NONE)
        connection = ldap3.Connection(server, f"uid=user0001,{PEOPLE}", password)
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()

    def figures(self) -> dict[str, Any]:
        return self.json("top")

    def log_since(self, position: int) -> str:
        return (self.daemon.directory / "state/log/authproxy.log").read_text()[position:]

    def position(self) -> int:
        return len(self.log_since(0))

    def until_logged(self, text: str, position: int) -> str:
        give_up = time.monotonic() + 60
        while text not in (log := self.log_since(position)):
            assert time.monotonic() < give_up, log
            time.sleep(0.02)
        return log


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("running")
    ports = {name: free_port() for name in ("auto", "challenge", "concat", "remote")}
    ports |= {name: free_port() for name in ("door", "metrics")}
    callers = Callers()
    with Slapd(folder / "slapd", users=4) as peer:
        text = CONFIG.format(
            state=folder / "site" / "state", ldap=peer.port, service_dn=peer.service_dn, base=BASE, secret=SECRET,
            service_password=peer.service_password, api=callers.port, **ports,
        )  # fmt: skip
        daemon = Daemon(folder / "site", text).start()
        site = Site(daemon, ports, callers)
        assert site.run("user", "add", "user0001").exit_code == 0
        assert site.run("device", "add-totp", "user0001").exit_code == 0
        yield site
        daemon.stop()
    callers.close()


@pytest.fixture
def primary_only(site: Site) -> Iterator[Callable[..., dict[str, object]]]:
    yield lambda *words: site.json("primary-only", *words)
    site.run("primary-only", "stop")


def test_passwords_alone_are_enough_in_every_section_and_nobody_is_called(
    site: Site, primary_only: Callable[..., dict[str, object]]
) -> None:
    before = {section: site.login(section, "pw-0001") for section in ("auto", "challenge", "concat")}
    assert before == {"auto": REJECT, "challenge": CHALLENGE, "concat": REJECT}
    position = site.position()
    shown = primary_only("start", "7")
    assert shown | {"until": "", "minutes_left": 0} == {
        "on": True, "until": "", "minutes_left": 0, "by": shown["by"], "daemon": True
    }  # fmt: skip
    assert "PRIMARY-ONLY MODE begins" in site.until_logged("PRIMARY-ONLY", position)
    calls = site.callers.count
    for section in ("auto", "challenge", "concat", "remote"):
        assert site.login(section, "pw-0001") == ACCEPT, section
        assert site.login(section, "wrong") == REJECT, section
    assert site.login("auto", "pw-0001,push") == ACCEPT  # a factor that is not allowed here otherwise
    assert site.bind("pw-0001") and not site.bind("wrong")
    assert site.callers.count == calls
    assert site.figures()["primary_only"] is True
    site.run("primary-only", "stop")
    assert "PRIMARY-ONLY MODE has ended" in site.until_logged("has ended", position)
    assert site.login("auto", "pw-0001") == REJECT
    assert site.login("remote", "pw-0001") == REJECT
    assert site.callers.count > calls
    assert site.figures()["primary_only"] is False


def test_log_trail_and_audit_tell_of_it_and_the_exempt_stay_exempt(
    site: Site, primary_only: Callable[..., dict[str, object]]
) -> None:
    primary_only("start")
    assert site.login("auto", "pw-0002", "user0002") == ACCEPT
    assert site.login("auto", "pw-0003", "user0003") == ACCEPT
    logins = {}
    for user in ("user0002", "user0003"):
        logins[user] = site.json("explain", user)["logins"][0]
    by_mode, exempt = logins["user0002"], logins["user0003"]
    assert (by_mode["factor"], by_mode["reason"]) == ("primary-only", "primary-only")
    (step,) = [step for step in by_mode["steps"] if step["stage"] == "policy"]
    assert step["result"] == "primary-only" and "started by shell:" in step["detail"]
    assert exempt["factor"] == "exempt"
    events = (site.daemon.directory / "state/log/authevents.log").read_text().splitlines()
    (event,) = [
        each for each in map(json.loads, events)
        if each["login_id"] == by_mode["login_id"] and each["auth_stage"] == "Secondary authentication"
    ]  # fmt: skip
    assert (event["status"], event["factor"]) == ("Allow", "primary-only")
    url = f"sqlite:///{site.daemon.directory / 'state/authproxy.db'}"
    with Database(url).reading() as connection:
        audit = [tuple(row) for row in connection.exec_driver_sql("SELECT action, actor, detail FROM audit")]
    (*_, (action, actor, detail)) = [row for row in audit if row[0].startswith("primary-only")]
    assert action == "primary-only start" and actor.startswith("shell:") and json.loads(detail)["minutes"] == 60


def test_a_challenge_that_is_open_when_it_begins_is_answered_by_anything(
    site: Site, primary_only: Callable[..., dict[str, object]]
) -> None:
    appliance = Radclient(("127.0.0.1", site.ports["challenge"]), SECRET, timeout=30)
    asked = appliance.login("user0001", "pw-0001")
    assert asked.code == CHALLENGE
    primary_only("start", "5")
    (state,) = asked.attributes["State"]
    assert appliance.login("user0001", "000000", [f"State = {state}"]).code == ACCEPT


def test_it_survives_the_daemons_end_and_holds_when_it_starts_again(
    site: Site, primary_only: Callable[..., dict[str, object]]
) -> None:
    primary_only("start", "30")
    site.daemon.kill()
    away = primary_only("status")
    assert (away["on"], away["daemon"]) == (True, None)
    position = site.position()
    site.daemon.start()
    assert "PRIMARY-ONLY MODE begins" in site.until_logged("PRIMARY-ONLY", position)
    assert site.login("auto", "pw-0001") == ACCEPT
    status = primary_only("status")
    assert (status["on"], status["daemon"]) == (True, True)


@pytest.mark.parametrize("minutes", ["0", "241", "long"])
def test_it_lasts_four_hours_at_most(site: Site, minutes: str) -> None:
    assert site.run("primary-only", "start", minutes).exit_code == 2
    assert site.json("primary-only", "status")["on"] is False


# ---------------------------------------------------------------- logins in detail


def test_one_users_logins_are_logged_in_detail_and_nobody_elses(site: Site) -> None:
    position = site.position()
    site.login("auto", "pw-0001")
    assert "[debug]" not in site.log_since(position)
    shown = site.json("debug", "on", "--user", "user0001", "--minutes", "5")
    (watch,) = shown["watches"]
    assert all(keys(shown) == documented_keys(f"debug {word}") for word in ("on", "off", "status"))
    assert watch["user"] == "user0001" and 290 <= watch["seconds_left"] <= 300
    site.login("auto", "pw-0001")
    site.login("auto", "pw-0002", "user0002")
    log = site.until_logged("user0002", position)
    assert "request: User-Name = user0001" in log and "primary: ok uid=user0001" in log
    assert "pw-0001" not in log
    assert not [line for line in log.splitlines() if "[debug]" in line and "user0002" in line]
    site.run("debug", "on", "--client", "127.0.0.0/8", "--section", "radius_server_concat")
    assert len(site.json("debug", "status")["watches"]) == 2
    position = site.position()
    site.login("concat", "pw-0002", "user0002")
    assert "request: User-Name = user0002" in site.log_since(position)
    assert site.json("debug", "off") == {"watches": []}
    position = site.position()
    site.login("auto", "pw-0001")
    assert "[debug]" not in site.log_since(position)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "name a user"),
        (("--client", "vpn.example"), "no IP address"),
        (("--section", "radius_server_atuo"), "there is no server section"),
    ],
)
def test_what_would_watch_nobody_or_everybody_is_refused(site: Site, options: tuple[str, ...], why: str) -> None:
    refused = site.run("debug", "on", *options)
    assert refused.exit_code == 1 and why in refused.stderr


# ---------------------------------------------------------------- figures, and the bundle of a running daemon


def test_top_shows_what_happened(site: Site) -> None:
    before = site.figures()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.sendto(b"no packet", ("127.0.0.1", site.ports["auto"]))
    assert site.login("auto", "wrong") == REJECT
    after = site.figures()

    def rejected(figures: dict[str, Any]) -> float:
        return sum(each["count"] for each in figures["logins"] if each["reason"] == "bad password")

    assert rejected(after) == rejected(before) + 1
    assert after["at"] > before["at"]
    assert {each["section"]: each["count"] for each in after["pending"]}["radius_server_auto"] == 0
    assert keys(after) == documented_keys("top")
    assert {each["stage"] for each in after["stages"]} >= {"primary", "whole login"}
    assert [(each["section"], each["is_up"]) for each in after["upstreams"]] == [("ad_client", True)]
    once = site.run("top", "--once").stdout
    assert "dropped (RADIUS): " in once and "rejected: bad password" in once and "radius_server_auto" in once
    assert "up 127.0.0.1:" in once


def test_top_goes_on_until_it_is_interrupted(site: Site) -> None:
    command = [sys.executable, "-m", "authproxy", "top", "--interval", "0.5", "--config", str(site.daemon.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=site.daemon.directory) as watching:
        assert watching.stdout is not None
        headings = []
        for line in watching.stdout:
            if line.startswith("authproxy, process"):
                headings.append(line)
            if len(headings) == 2:
                break
        watching.terminate()
        rest = watching.stdout.read()
    assert len(headings) == 2 and "Traceback" not in rest


def test_the_bundle_holds_what_the_daemon_tells_and_the_connectivity_report(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    site.run("support", "--plain", "-o", str(file))
    shown = subprocess.run(
        [sys.executable, "-m", "authproxy", "support", "show", str(file), "--extract", str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "connectivity.txt" in shown.stdout
    as_json = CliRunner().invoke(main, ["support", "show", str(file), "--json"])
    assert keys(json.loads(as_json.stdout)) == documented_keys("support show")
    told = json.loads((tmp_path / "out/daemon.json").read_text())
    assert told["status"]["pid"] == site.daemon.process.pid  # type: ignore[union-attr]
    assert told["figures"]["figures"]["logins"]
    report = (tmp_path / "out/connectivity.txt").read_text()
    assert "the daemon is there and answers Status-Server" in report
    assert "Testing section 'ad_client':" in report


def test_without_a_daemon_the_commands_say_so(tmp_path: Path, site: Site) -> None:
    text = site.daemon.config.read_text().replace(f"state_dir={site.daemon.directory}", f"state_dir={tmp_path}")
    lonely = Site(Daemon(tmp_path, text), {}, site.callers)
    for words in (("top", "--once"), ("debug", "status"), ("debug", "on", "--user", "x")):
        refused = lonely.run(*words)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr.startswith("authproxy: no authproxy is running with state_dir")
