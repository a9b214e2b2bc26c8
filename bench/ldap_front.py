"""The LDAP front door beside slapd alone: binds, a large search, connections that do nothing.

Binds need no second factor (the users have bypass status): what is measured is the way through the proxy, each
with its record. The clients share the host's processors with both servers.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from bench.authproxy import BenchAuthproxy
from bench.ldap_load import Binds, bind, bind_again_and_again, come_and_go, is_open, open_many, read_everything
from bench.login import SECRET, scratch_directory
from bench.people import Person, people
from bench.processes import free_port
from bench.slapd import BASE, SERVICE_DN, BenchSlapd

_VISITS = 2_000
_FRONT = """
[ldap_server_auto]
client=ad_client
interface=127.0.0.1
port={port}
exempt_primary_bind=false
exempt_ou_1={service}
max_connections=20000
max_connections_per_client=20000
"""


@dataclass(slots=True)
class LdapScore:
    """``proxy_cpu``, ``slapd_cpu``: seconds while binds went through the proxy; ``visit_cpu``: of the daemon for a
    client that connects, binds without a second factor and leaves. Rates of searches are MB/s; memory is MB, of
    the daemon: when it is ready, with idle connections, with as many bound ones."""

    direct: Binds
    through: Binds
    proxy_cpu: float
    slapd_cpu: float
    visit_cpu: float
    search_direct: float
    search_through: float
    search_cpu: float  # seconds of the daemon for each MB
    connections: int
    memory: tuple[float, float, float]
    load: float


def run(users: int = 10_000, seconds: float = 5.0, connections: int = 5_000) -> LdapScore:
    persons = people(users)
    with scratch_directory() as directory:
        slapd = BenchSlapd(directory / "slapd", persons).start()
        port = free_port(socket.SOCK_STREAM)
        front = _FRONT.format(port=port, service=SERVICE_DN)
        try:
            proxy = BenchAuthproxy(directory / "authproxy", persons, SECRET, slapd.port, server=front)
            _let_everybody_pass(proxy.database)
            try:
                proxy.start()
                proxy.process.wait_until(lambda: is_open(port))
                return _measure(slapd, proxy, port, list(map(_bind_of, persons)), seconds, connections)
            finally:
                proxy.process.stop()
        finally:
            slapd.process.stop()


def _measure(
    slapd: BenchSlapd, proxy: BenchAuthproxy, port: int, asked: list[bytes], seconds: float, connections: int
) -> LdapScore:
    ready = proxy.process.rss()
    bind_again_and_again(port, asked, 1.0)  # warms up
    direct = bind_again_and_again(slapd.port, asked, seconds)
    before = proxy.process.cpu(), slapd.process.cpu()
    through = bind_again_and_again(port, asked, seconds)
    proxy_cpu, slapd_cpu = proxy.process.cpu() - before[0], slapd.process.cpu() - before[1]
    cpu = proxy.process.cpu()
    come_and_go(port, _VISITS)
    visit_cpu = (proxy.process.cpu() - cpu) / _VISITS
    size, took = read_everything(slapd.port, 10)
    cpu = proxy.process.cpu()
    same, took_through = read_everything(port, 10)
    search_cpu = (proxy.process.cpu() - cpu) / (same / 1e6)
    assert same == size
    idle, bound = (_memory_with(proxy, port, connections, is_bound) for is_bound in (False, True))
    return LdapScore(
        direct, through, proxy_cpu, slapd_cpu, visit_cpu, size / 1e6 / took, same / 1e6 / took_through, search_cpu,
        connections, (ready, idle, bound), os.getloadavg()[0],
    )  # fmt: skip


def _let_everybody_pass(database: Path) -> None:
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE users SET status = 'bypass'")
    connection.close()


def _bind_of(person: Person) -> bytes:
    return bind(f"uid={person.username},ou=People,{BASE}", person.password)


def _memory_with(proxy: BenchAuthproxy, port: int, connections: int, is_bound: bool) -> float:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    lines = open_many(port, connections, is_bound)
    memory = proxy.process.rss()
    for line in lines:
        line.close()
    return memory


def table(score: LdapScore) -> str:
    through, direct, memory = score.through, score.direct, score.memory
    each = 1e6 / max(through.right, 1)
    binds, search = through.rate / direct.rate, score.search_through / score.search_direct
    rows = (
        ("binds, slapd alone", f"{direct.rate:.0f}/s", f"{direct.wrong} wrong; clients {direct.cpu:.1f} s CPU"),
        ("binds, through it", f"{through.rate:.0f}/s", f"{through.wrong} wrong; clients {through.cpu:.1f} s CPU"),
        ("", f"{binds:.2f}", "of slapd alone (target 0.6)"),
        ("CPU for each bind", f"{score.proxy_cpu * each:.0f} us", f"and {score.slapd_cpu * each:.0f} us of slapd"),
        ("connect, bind, leave", f"{score.visit_cpu * 1e6:.0f} us", "CPU, without a second factor"),
        ("a search, slapd alone", f"{score.search_direct:.0f} MB/s", ""),
        (
            "a search, through it",
            f"{score.search_through:.0f} MB/s",
            f"{score.search_cpu * 1e3:.1f} ms CPU/MB",
        ),
        ("", f"{search:.2f}", "of slapd alone (target 0.7)"),
        ("memory when ready", f"{memory[0]:.0f} MB", ""),
        ("with idle connections", f"{memory[1]:.0f} MB", f"{score.connections} of them (target 200 MB)"),
        ("with bound ones", f"{memory[2]:.0f} MB", "as many, and as many to slapd"),
    )
    lines = [f"LDAP front door, the host's load {score.load:.1f}"]
    return "\n".join(lines + [f"  {name:24}{figure:>12}  {remark}" for name, figure, remark in rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=5_000)
    given = parser.parse_args()
    print(table(run(given.users, given.seconds, given.connections)))
