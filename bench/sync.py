"""Users of a directory by the command, from slapd: a first sync, and one that finds nothing new."""

from __future__ import annotations

import argparse
import base64
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.login import scratch_directory
from bench.people import people
from bench.slapd import BASE, SERVICE_DN, SERVICE_PASSWORD, BenchSlapd

_CONFIG = """[service]
state_dir={state}
seed_key={key}
[ad_client]
host=127.0.0.1
port={port}
auth_type=plain
bind_dn={dn}
service_account_username=svc
service_account_password={password}
search_dn=ou=People,{base}
username_attribute=uid
[radius_server_auto]
radius_ip_1=192.0.2.1
radius_secret_1=s3cret
client=ad_client
"""


@dataclass(frozen=True, slots=True)
class SyncScore:
    """Seconds, and MB (10^6 bytes) at most, of the process that syncs."""

    what: str
    users: int
    wall: float
    cpu: float
    memory: float


def run(users: int = 100_000) -> list[SyncScore]:
    with scratch_directory() as directory:
        slapd = BenchSlapd(directory / "slapd", people(users)).start()
        try:
            config = directory / "authproxy.cfg"
            config.write_text(_CONFIG.format(
                state=directory / "state", key=base64.b64encode(bytes(32)).decode(), port=slapd.port,
                dn=SERVICE_DN, password=SERVICE_PASSWORD, base=BASE,
            ))  # fmt: skip
            config.chmod(0o600)
            _command(config, "add", "bench", "--kind", "openldap")
            return [
                _timed(config, users, "the first", "--full"),
                _timed(config, users, "all, unchanged", "--full"),
            ]
        finally:
            slapd.process.stop()


def _timed(config: Path, users: int, what: str, *options: str) -> SyncScore:
    began = time.monotonic()
    process = _command(config, "run", "bench", *options, is_waited_for=False)
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise RuntimeError(f"authproxy sync run: status {status}")
    wall, cpu = time.monotonic() - began, used.ru_utime + used.ru_stime
    return SyncScore(what, users, wall, cpu, used.ru_maxrss * 1024 / 1e6)


def _command(config: Path, *words: str, is_waited_for: bool = True) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "authproxy", "sync", *words, "--config", str(config)]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
    if is_waited_for and process.wait():
        raise RuntimeError(f"authproxy sync {words[0]} failed")
    return process


def table(scores: list[SyncScore]) -> str:
    lines = ["a sync of a directory      users    wall s     CPU s    MB"]
    lines += [
        f"{each.what:24} {each.users:7,} {each.wall:9.1f} {each.cpu:9.1f} {each.memory:5.0f}" for each in scores
    ]
    return "\n".join((*lines, ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    print(table(run(parser.parse_args().users)))


if __name__ == "__main__":
    main()
