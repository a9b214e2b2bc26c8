"""Reaching real peers: what is told of each, when all is well and when it is not."""

from __future__ import annotations

import base64
import datetime
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from click.testing import CliRunner
from twisted.internet import reactor

from authproxy.cli import main
from authproxy.config.settings import RadiusClientSettings, RemoteSettings, Transport, UpstreamHost
from authproxy.radius.packet import ACCESS_REQUEST, STATUS_SERVER
from authproxy.secret import Secret
from authproxy.support.chain import certificates_in, note_chain
from authproxy.support.clock_probe import probe_clock
from authproxy.support.directory_probe import DirectoryProbe
from authproxy.support.findings import Findings, Level
from authproxy.support.service_probe import probe_remote
from authproxy.support.upstream_probe import probe_upstream
from tests.cli.commands_page import documented_keys, keys
from tests.peers.fake_upstream import SECRET, FakeUpstream, accept, silence
from tests.peers.freeradius import FreeRadius
from tests.peers.ports import free_port
from tests.peers.slapd import VPN, Slapd
from tests.primary.directories import settings_for
from tests.remote.fake_cloud import IKEY, SKEY, FakeCloud
from tests.system.daemon import Daemon

SEED_KEY = base64.b64encode(bytes(32)).decode()


def findings() -> Findings:
    return Findings("section", "Section", time.monotonic)


def told(found: Findings, level: Level | None = None) -> str:
    return "\n".join(each.render() for each in found.found if level is None or each.level is level)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd") / "peer", users=3) as peer:
        yield peer


async def reach(slapd: Slapd, user: str = "", **changes: Any) -> Findings:
    found = findings()
    await DirectoryProbe(settings_for(slapd, **changes), reactor, found, user).run()
    return found


@pytest_twisted.ensureDeferred
async def test_a_directory_is_told_step_by_step_with_its_certificates(slapd: Slapd) -> None:
    found = await reach(slapd, "user0001", transport=Transport.STARTTLS, security_group_dn=VPN)
    lines = told(found).splitlines()
    assert found.count(Level.ERROR) == found.count(Level.WARN) == 0, lines
    for text in (
        "StartTLS: connected",
        "certificate 0: subject",
        "O=Test LDAP CA', valid until",
        "days left",
        "the directory takes the service account",
        "search_dn 'dc=example,dc=test': is there",
        "uid=user0001,ou=People,dc=example,dc=test",
        f"is in {VPN}",
    ):
        assert any(text in line for line in lines), (text, lines)
    assert slapd.service_password not in told(found)


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_is_not_trusted_is_shown_all_the_same(slapd: Slapd, tmp_path: Path) -> None:
    other = tmp_path / "ca.pem"
    trustme.CA(organization_name="Another").cert_pem.write_to_path(str(other))
    found = await reach(slapd, ports=(slapd.tls_port,), transport=Transport.LDAPS, ssl_ca_certs_file=other)
    assert "ssl_ca_certs_file" in told(found, Level.ERROR)
    assert "O=Test LDAP CA', valid until" in told(found)
    assert "bind as" not in told(found)


@pytest_twisted.ensureDeferred
async def test_a_service_account_that_is_refused_is_not_tried_on_every_server(slapd: Slapd) -> None:
    found = await reach(slapd, ports=(slapd.port, slapd.port), service_account_password=Secret("wrong"))
    assert told(found, Level.ERROR).count("result 49") == 1
    assert "each try counts towards its lockout" in told(found, Level.WARN)


@pytest_twisted.ensureDeferred
async def test_each_server_is_told_apart_and_what_is_wrong_in_the_directory_is_named(slapd: Slapd) -> None:
    nobody = free_port()
    found = await reach(slapd, "nobody", ports=(nobody, slapd.port))
    errors = told(found, Level.ERROR)
    assert f"localhost:{nobody}, TCP connect: connection refused" in errors
    assert "user 'nobody': unknown user" in errors and "username_attribute" in errors
    missing = await reach(slapd, search_dn="ou=Nowhere,dc=example,dc=test")
    assert "no such object" in told(missing, Level.ERROR)
    outside = await reach(slapd, "user0001", security_group_dn="cn=none,ou=Groups,dc=example,dc=test")
    assert "security_group_dn" in told(outside, Level.ERROR)


# ---------------------------------------------------------------- upstream RADIUS


def upstream(port: int, secret: str = "testing123", retries: int = 0) -> RadiusClientSettings:
    host = UpstreamHost("127.0.0.1", port, Secret(secret))
    return RadiusClientSettings("radius_client", (host,), retries=retries, retry_wait=0.3)


async def ask(settings: RadiusClientSettings) -> Findings:
    found = findings()
    await probe_upstream(settings, reactor, found)
    return found


@pytest.mark.peer("freeradius")
@pytest_twisted.ensureDeferred
async def test_freeradius_answers_or_its_secret_is_wrong(tmp_path: Path) -> None:
    with FreeRadius(tmp_path) as peer:
        right = await ask(upstream(peer.port, retries=3))
        wrong = await ask(upstream(peer.port, "another secret"))
    assert "with the right secret" in told(right) or "the secret is right" in told(right)
    assert right.count(Level.ERROR) == 0
    assert wrong.count(Level.ERROR) == 1 and "secret" in told(wrong, Level.ERROR)


@pytest_twisted.ensureDeferred
async def test_a_server_without_status_server_is_tried_with_a_login() -> None:
    def only_logins(request: Any) -> bytes | None:
        return accept(request) if request.code == ACCESS_REQUEST else silence(request)

    peer = FakeUpstream(reactor, only_logins)
    try:
        found = await ask(upstream(peer.port, SECRET.decode()))
    finally:
        await peer.stop()
    assert "Access-Accept for a user who does not exist" in told(found, Level.WARN)
    assert [packet.code for packet in peer.requests] == [STATUS_SERVER, ACCESS_REQUEST]


# ---------------------------------------------------------------- the second factor elsewhere


async def call(cloud: FakeCloud, directory: Path, **changes: Any) -> Findings:
    authority = directory / "ca.pem"
    authority.write_bytes(cloud.authority.cert_pem.bytes())
    values: dict[str, Any] = {
        "ikey": IKEY, "skey": Secret(SKEY), "api_host": "localhost", "api_port": cloud.port,
        "http_ca_certs_file": authority,
    }  # fmt: skip
    found = findings()
    await probe_remote(RemoteSettings(**values | changes), reactor, found)
    return found


@pytest_twisted.ensureDeferred
async def test_a_remote_service_is_asked_for_its_clock_and_whether_the_keys_are_right(tmp_path: Path) -> None:
    cloud = FakeCloud()
    await cloud.start()
    try:
        good = await call(cloud, tmp_path)
        wrong = await call(cloud, tmp_path, skey=Secret("x" * 40))
        cloud.ahead = 600.5
        ahead = await call(cloud, tmp_path)
        untrusted = await call(cloud, tmp_path, http_ca_certs_file=None)
    finally:
        await cloud.stop()
    away = await call(cloud, tmp_path)
    assert good.count(Level.ERROR) == good.count(Level.WARN) == 0
    assert "the clocks agree" in told(good) and "the keys are right" in told(good)
    assert "check ikey, skey and api_host" in told(wrong, Level.ERROR)
    assert "s ahead" in told(ahead, Level.ERROR)
    assert "certificate" in told(untrusted, Level.ERROR)
    assert "ping" in told(away, Level.ERROR) and "keys" not in told(away)


@pytest.mark.parametrize(
    ("state", "now", "level", "text"),
    [
        (0, 1_800_000_000.0, Level.INFO, "synchronized"),
        (5, 1_800_000_000.0, Level.WARN, "not synchronized"),
        (-1, 1_800_000_000.0, Level.INFO, "can't be told"),
        (5, 0.0, Level.ERROR, "set it"),
    ],
)
def test_a_clock_that_nobody_sets_is_told(state: int, now: float, level: Level, text: str) -> None:
    found = findings()
    probe_clock(found, lambda: state, lambda: now)
    assert text in told(found, level)


# ---------------------------------------------------------------- the command


CONFIG = """\
[main]
log_auth_events=false
[service]
state_dir={state}
seed_key={key}
[duo_only_client]
[radius_server_auto]
interface=127.0.0.1
port={port}
radius_ip_1=127.0.0.1
radius_secret_1=a-secret-of-20-chars
"""


def run(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "authproxy", "connectivity", "--config", str(config), *arguments],
        capture_output=True, text=True, timeout=60, cwd=config.parent,
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "authproxy.cfg"
    path.write_text(CONFIG.format(state=tmp_path / "state", key=SEED_KEY, port=free_port()))
    path.chmod(0o600)
    return path


def test_the_output_is_what_scripts_know_and_secrets_are_their_lengths(config: Path) -> None:
    done = run(config)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[info]  Testing section 'radius_server_auto' with configuration:" in lines
    assert "'radius_secret_1': '*****[20]'" in done.stdout and "a-secret" not in done.stdout
    assert "[info]  There are no configuration problems" in lines
    assert "[info]  The RADIUS Server has no connectivity problems." in lines
    assert "[info]  No testing to be done for section." in lines
    assert "[info]  SUMMARY" in lines
    log = config.parent / "state/log/connectivity_tool.log"
    assert lines[-1] == f"The results have also been logged in {log}"
    written = log.read_text().splitlines()
    assert [line.partition(" ")[2] for line in written] == lines[:-1]
    assert log.stat().st_mode & 0o777 == 0o640


def test_a_configuration_with_errors_is_exit_status_1_and_nobody_is_reached(config: Path) -> None:
    config.write_text(config.read_text().replace("radius_ip_1", "radius_pi_1"))
    done = run(config)
    assert done.returncode == 1
    assert "[error] Configuration validation was not successful" in done.stdout.splitlines()
    assert "connectivity problems" not in done.stdout
    shown = json.loads(run(config, "--json").stdout)
    assert shown["result"] == "configuration" and shown["sections"] == []
    assert any(problem["severity"] == "error" for problem in shown["problems"])


def test_a_password_in_a_url_that_can_not_be_used_is_not_shown(config: Path) -> None:
    gateway = "[telephony]\ngateway=http\nsms_url=https://u:canary-url@sms.example/?key=canary-key&t={nothing}\n"
    config.write_text(config.read_text() + gateway)
    for arguments in ((), ("--json",)):
        done = run(config, *arguments)
        assert done.returncode == 1 and "sms_url" in done.stdout
        assert "canary-" not in done.stdout + done.stderr


@pytest.mark.parametrize("option", ["--syntax-only", "--no-explicit-connectivity-check"])
def test_only_the_configuration_can_be_checked(config: Path, option: str) -> None:
    done = run(config, option)
    assert done.returncode == 0
    assert "There are no configuration problems" in done.stdout and "connectivity problems" not in done.stdout


def test_a_port_that_somebody_else_has_is_exit_status_2(config: Path) -> None:
    port = int(config.read_text().partition("port=")[2].partition("\n")[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", port))
        done = run(config, "--json")
    assert done.returncode == 2, done.stdout
    shown = json.loads(done.stdout)
    assert shown["result"] == "connectivity"
    assert keys(shown) | {"severity", "line", "key", "message"} == documented_keys("connectivity")
    (section,) = [each for each in shown["sections"] if each["section"] == "radius_server_auto"]
    assert section["tried"][0]["level"] == "error" and "does not answer" in section["tried"][0]["result"]


def test_a_seed_key_that_does_not_fit_the_database_is_found(config: Path) -> None:
    for words in (["user", "add", "alice"], ["device", "add-totp", "alice"]):
        assert CliRunner().invoke(main, [*words, "--config", str(config)]).exit_code == 0
    assert "opens the devices' seeds" in run(config).stdout
    other = base64.b64encode(bytes(range(32))).decode()
    config.write_text(config.read_text().replace(SEED_KEY, other))
    done = run(config)
    assert done.returncode == 2 and "seed key: the seed of device" in done.stdout


def test_the_daemon_is_recognized_and_reports_at_its_start(config: Path) -> None:
    text = config.read_text().replace("[main]", "[main]\ntest_connectivity_on_startup=true")
    daemon = Daemon(config.parent, text)
    daemon.start()
    try:
        done = run(daemon.config)
        assert "the daemon is there and answers Status-Server" in done.stdout
        give_up = time.monotonic() + 60
        while "problems were found" not in daemon.log() and time.monotonic() < give_up:
            time.sleep(0.05)
        assert "connectivity: no problems were found" in daemon.log()
        assert "connectivity: service: database: " in daemon.log()
    finally:
        daemon.stop()


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    for days, level in ((400, Level.INFO), (10, Level.WARN), (-3, Level.ERROR)):
        leaf = trustme.CA().issue_cert(
            "mfa.example",
            not_before=now - datetime.timedelta(days=30),
            not_after=now + datetime.timedelta(days=days),
        )
        file = tmp_path / "cert.pem"
        file.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
        found = findings()
        note_chain(found, "file", [next(certificates_in(file))])
        assert [each.level for each in found.found] == [level]
