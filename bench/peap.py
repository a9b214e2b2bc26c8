"""PEAP logins (MSCHAPv2 inside) relayed by authproxy, and by FreeRADIUS as a proxy, to the same FreeRADIUS.

The device is eapol_test, one process for each login, many at once; the second factor is not asked (bypass status).
All of it shares the host's cores, TLS on both ends included, so that logins a second say less than the CPU that
each relay takes for a login. Only authproxy looks the user up and commits a record before it accepts.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from authproxy.store.engine import open_sqlite
from bench.load import is_answering
from bench.processes import Process, cpu_of, free_port
from tests.peers.eap_radius import EapRadius
from tests.peers.eapol import peap, require_eapol_test

SECRET = "bench-secret"
PASSWORD = "correct horse"
USERS = 50

_AUTHPROXY = """
[main]
log_dir={dir}

[service]
state_dir={dir}/var
seed_key={key}

[radius_client]
host=127.0.0.1
port={upstream}
secret={upstream_secret}
pass_through_all=true

[radius_server_auto]
interface=127.0.0.1
port={port}
radius_ip_1=127.0.0.0/8
radius_secret_1={secret}
force_message_authenticator=yes
"""
_FREERADIUS = """
prefix = /usr
name = radiusd
confdir = {dir}
raddbdir = {dir}
logdir = {dir}
run_dir = {dir}
db_dir = {dir}
libdir = /usr/lib/freeradius
pidfile = {dir}/radiusd.pid
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
log {{
  destination = files
  file = {dir}/radius.log
  auth = yes
}}
security {{
  max_attributes = 200
  reject_delay = 0
  status_server = yes
  allow_vulnerable_openssl = yes
}}
thread pool {{
  start_servers = 5
  max_servers = 32
  min_spare_servers = 3
  max_spare_servers = 10
  max_requests_per_server = 0
}}
client loopback {{
  ipaddr = 127.0.0.0/8
  secret = "{secret}"
  require_message_authenticator = yes
}}
proxy server {{
  default_fallback = no
}}
home_server upstream {{
  type = auth
  ipaddr = 127.0.0.1
  port = {upstream}
  secret = "{upstream_secret}"
  response_window = 30
  status_check = none
}}
home_server_pool upstream {{
  type = fail-over
  home_server = upstream
}}
realm UPSTREAM {{
  auth_pool = upstream
  nostrip
}}
server proxy {{
  namespace = radius
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    update control {{
      Proxy-To-Realm := UPSTREAM
    }}
  }}
}}
"""


@dataclass(slots=True)
class Score:
    """One relay over all rounds. CPU in seconds."""

    rates: list[float] = field(default_factory=list)
    logins: int = 0
    own_cpu: float = 0.0
    upstream_cpu: float = 0.0
    failed: int = 0

    @property
    def rate(self) -> float:
        return median(self.rates)


@dataclass(frozen=True, slots=True)
class Relay:
    process: Process
    port: int


def _authproxy(directory: Path, upstream: EapRadius) -> Relay:
    (directory / "var").mkdir(parents=True, mode=0o700)
    port = free_port(socket.SOCK_DGRAM)
    key = base64.b64encode(os.urandom(32)).decode()
    text = _AUTHPROXY.format(
        dir=directory, key=key, upstream=upstream.port, upstream_secret=upstream.secret, port=port, secret=SECRET
    )
    config = directory / "authproxy.cfg"
    config.write_text(text)
    config.chmod(0o600)
    connection = open_sqlite(f"sqlite:///{directory}/var/authproxy.db")
    connection.executemany(
        "INSERT INTO users (id, username, display_name, status, created) VALUES (?, ?, ?, 'bypass', ?)",
        [(f"DU{name}", name, name, time.time()) for name in _names()],
    )
    connection.commit()
    connection.close()
    program = str(Path(sys.executable).with_name("authproxy"))
    return _started("authproxy", [program, "run", "--config", str(config)], directory, port)


def _freeradius(directory: Path, upstream: EapRadius) -> Relay:
    directory.mkdir(parents=True)
    port = free_port(socket.SOCK_DGRAM)
    text = _FREERADIUS.format(
        dir=directory, upstream=upstream.port, upstream_secret=upstream.secret, port=port, secret=SECRET
    )
    (directory / "radiusd.conf").write_text(text)
    arguments = ["/usr/sbin/freeradius", "-f", "-d", str(directory), "-n", "radiusd"]
    return _started("FreeRADIUS", arguments, directory, port)


def _started(name: str, arguments: list[str], directory: Path, port: int) -> Relay:
    process = Process(name, arguments, directory / "stdout")
    process.wait_until(lambda: is_answering(port, SECRET.encode()))
    return Relay(process, port)


def _names() -> list[str]:
    return [f"user{number}" for number in range(USERS)]


def _networks(directory: Path, upstream: EapRadius) -> list[Path]:
    """A configuration of eapol_test for each user."""
    files = []
    for name in _names():
        network = peap(name, PASSWORD, outer="anonymous", ca=upstream.ca)
        files.append(directory / f"{name}.conf")
        files[-1].write_text(f"network={{\nkey_mgmt=WPA-EAP\neapol_flags=0\n{network}\n}}\n")
    return files


def _login(port: int, config: Path) -> bool:
    """With session keys that both ends agree on."""
    arguments = ["-a", "127.0.0.1", "-p", str(port), "-s", SECRET, "-t", "20", "-c", str(config)]
    done = subprocess.run([require_eapol_test(), *arguments], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "MPPE keys OK: 1  mismatch: 0" in done.stdout


def _round(score: Score, relay: Relay, upstream: int, networks: Sequence[Path], parallel: int) -> None:
    own, theirs, started = relay.process.cpu(), cpu_of(upstream), time.monotonic()
    with ThreadPoolExecutor(parallel) as pool:
        results = list(pool.map(lambda config: _login(relay.port, config), networks))
    elapsed = time.monotonic() - started
    score.own_cpu += relay.process.cpu() - own
    score.upstream_cpu += cpu_of(upstream) - theirs
    score.logins += len(results)
    score.failed += results.count(False)
    score.rates.append(len(results) / elapsed)
    how = f"{results.count(True)} accepted, {results.count(False)} failed"
    print(f"  {relay.process.name:<11}{score.rates[-1]:7.0f} logins/s  {how}", flush=True)


def run(logins: int = 500, rounds: int = 3, parallel: int = 16) -> dict[str, Score]:
    """Prints a line per round. Raises RuntimeError when a server does not start."""
    scores = {"FreeRADIUS": Score(), "authproxy": Score()}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="authproxy-bench-")))
        upstream = EapRadius(scratch / "upstream", dict.fromkeys(_names(), PASSWORD), inner_name=True)
        stack.enter_context(upstream)
        relays = [make(scratch / make.__name__, upstream) for make in (_freeradius, _authproxy)]
        for relay in relays:
            stack.callback(relay.process.stop)
        networks = _networks(scratch, upstream)
        load = [networks[number % USERS] for number in range(logins)]
        for _ in range(rounds):
            for relay in relays:
                _round(scores[relay.process.name], relay, upstream.pid, load, parallel)
    return scores


def table(scores: dict[str, Score]) -> str:
    lines = ["PEAP relay    logins/s  own CPU us  upstream CPU us  failed"]
    for name, score in scores.items():
        lines.append(
            f"{name:<12}{score.rate:10.0f}{1e6 * score.own_cpu / score.logins:12.0f}"
            f"{1e6 * score.upstream_cpu / score.logins:17.0f}{score.failed:8}"
        )
    ratio = scores["authproxy"].rate / scores["FreeRADIUS"].rate
    lines.append(f"ratio authproxy / FreeRADIUS: {ratio:.2f} (wanted: 0.8; nine requests a login)")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run()))
