"""10,000 logins that wait for a push at once, in one process, and how soon each is answered after its approval."""

from __future__ import annotations

import argparse
import selectors
import socket
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

from authproxy.secondfactor.wakeup import poke
from bench.authproxy import BenchAuthproxy
from bench.load import ACCEPT, access_request
from bench.login import SECRET, scratch_directory
from bench.people import Person, people

_PUSH_SECONDS = 300
_PER_SOCKET = 250  # a RADIUS identifier has one octet
_BURST = 50
_PATIENCE = 60.0


@dataclass(slots=True)
class Waits:
    """``latencies``: seconds from a push's approval to its Access-Accept, sorted."""

    count: int
    pending: int = 0
    begun_in: float = 0.0
    own_cpu: float = 0.0
    rss: float = 0.0
    lost: int = 0
    wrong: int = 0
    latencies: list[float] = field(default_factory=list)


class Appliance:
    """Many source ports, as a crowd of appliances has, each login once."""

    def __init__(self, port: int, persons: list[Person]) -> None:
        self._persons = persons
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        for first in range(0, len(persons), _PER_SOCKET):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.connect(("127.0.0.1", port))
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ, first)
            self._sockets.append(sock)

    def ask(self, number: int) -> None:
        request = access_request(
            number % _PER_SOCKET, self._persons[number].username, "push", SECRET.encode(), number
        )
        self._sockets[number // _PER_SOCKET].send(request)

    def answers(self, seconds: float) -> list[tuple[int, int, float]]:
        """Of those that come within that time: whose, which code, when."""
        found = []
        for key, _events in self._selector.select(seconds):
            assert isinstance(key.fileobj, socket.socket)
            try:
                while True:
                    reply = key.fileobj.recv(4096)
                    found.append((key.data + reply[1], reply[0], time.perf_counter()))
            except BlockingIOError:
                continue
        return found

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._selector.close()


def run(count: int = 10_000, per_second: float = 200.0) -> Waits:
    """``per_second``: approvals, as so many phones would send them."""
    persons, waits = people(count), Waits(count)
    with scratch_directory() as scratch:
        server = BenchAuthproxy(
            scratch / "authproxy",
            persons,
            SECRET,
            None,
            service=f"push_seconds={_PUSH_SECONDS}",
            server=f"appliance_timeout={_PUSH_SECONDS}",
        ).start()
        appliance = Appliance(server.port, persons)
        try:
            ids = _begin(appliance, server.database, waits)
            before = server.process.cpu()
            _approve(appliance, server, ids, per_second, waits)
            waits.own_cpu = server.process.cpu() - before
            waits.rss = server.process.rss(peak=True)
        finally:
            appliance.close()
            server.process.stop()
    return waits


def _begin(appliance: Appliance, database: Path, waits: Waits) -> dict[str, int]:
    """Sends every login, and waits until every push is in the store: push ID to login number."""
    started = time.monotonic()
    with sqlite3.connect(database, timeout=10) as connection:
        for number in range(waits.count):
            appliance.ask(number)
            if number % _BURST == _BURST - 1:
                time.sleep(_BURST / 2000)  # logins begin at up to 2,000 a second
        while waits.pending < waits.count and time.monotonic() - started < _PATIENCE:
            time.sleep(0.1)
            query = "SELECT count(*) FROM pushes WHERE status = 'pending'"
            waits.pending = connection.execute(query).fetchone()[0]
        waits.begun_in = time.monotonic() - started
        rows = connection.execute("SELECT id, username FROM pushes WHERE status = 'pending'").fetchall()
    return {push_id: int(username.removeprefix("user")) - 1 for push_id, username in rows}


def _approve(
    appliance: Appliance, server: BenchAuthproxy, ids: dict[str, int], per_second: float, waits: Waits
) -> None:
    """Approves as ``authproxy push approve`` does: a committed decision in the store, then a poke."""
    approved: dict[int, float] = {}
    waiting = list(ids.items())
    connection = sqlite3.connect(server.database, timeout=10, isolation_level=None)
    began = time.perf_counter()
    while True:
        now = time.perf_counter()
        if len(approved) < len(waiting) and now - began >= len(approved) / per_second:
            push_id, number = waiting[len(approved)]
            sql = "UPDATE pushes SET status = 'approved', decided_at = ?, decided_by = 'bench' WHERE id = ?"
            connection.execute(sql, (time.time(), push_id))
            approved[number] = time.perf_counter()
            poke(server.state_dir, [push_id])
        for number, code, at in appliance.answers(0.001):
            waits.wrong += code != ACCEPT or number not in approved
            waits.latencies.append(at - approved.get(number, at))
        if len(waits.latencies) >= waits.count or now - began > waits.count / per_second + _PATIENCE:
            break
    connection.close()
    waits.latencies.sort()
    waits.lost = waits.count - len(waits.latencies)


def table(waits: Waits) -> str:
    def milliseconds(part: float) -> float:
        known = waits.latencies or [0.0]
        return 1000 * known[min(len(known) - 1, int(len(known) * part))]

    return (
        f"{waits.pending} pushes pending at once; approval to answer: p50 {milliseconds(0.5):.1f} ms, "
        f"p99 {milliseconds(0.99):.1f} ms, worst {milliseconds(1.0):.1f} ms (wanted: p99 100)\n"
        f"begun in {waits.begun_in:.1f} s; {1e6 * waits.own_cpu / waits.count:.0f} us CPU each to answer; "
        f"RSS {waits.rss:.0f} MB; lost {waits.lost}, wrong {waits.wrong}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=200.0)
    options = parser.parse_args()
    print(table(run(options.count, options.per_second)))
