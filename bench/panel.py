"""The Admin Panel among 100,000 users and 1,000,000 logins: how soon pages begin, and what an export costs."""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import sqlite3
import ssl
import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from authproxy.secondfactor import admin_passwords, administrators, sessions
from authproxy.secondfactor.roles import Role
from authproxy.store.engine import Database
from bench.authproxy import BenchAuthproxy
from bench.load import timed
from bench.login import SECRET, next_step, scratch_directory
from bench.people import Person, people
from bench.processes import free_port

_COOKIE = "__Host-panel"
_ROUNDS = 21
_LOGINS_MEANWHILE = 400
_STEPS = json.dumps(
    [["primary", "ok", "CN=Somebody,OU=People,DC=example,DC=com", 0.0041], ["policy", "second factor", "", 0.0043],
     ["second factor", "sent", "push to XXX-XXX-0100", 0.0071], ["second factor", "approved", "", 4.2]]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageScore:
    """Milliseconds to the first byte of the body: the median of 21, and the longest. ``size`` in bytes."""

    name: str
    median: float
    longest: float
    size: int


@dataclass(frozen=True, slots=True)
class ExportScore:
    """``first``: ms to the first byte. ``peak``: the most MB in memory meanwhile. ``p99_alone``,
    ``p99_meanwhile``: ms of logins without and with the export."""

    name: str
    first: float
    seconds: float
    rows: int
    megabytes: float
    rss_before: float
    peak: float
    p99_alone: float = 0.0
    p99_meanwhile: float = 0.0


class PanelClient:
    """An Owner's browser, on one connection."""

    def __init__(self, port: int, cookie: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=120)
        self._headers = {"Cookie": f"{_COOKIE}={cookie}"}

    def get(self, path: str) -> tuple[float, bytes]:
        """Seconds to the first byte, and the page."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        first = response.read(1)
        took = time.perf_counter() - started
        body = first + response.read()
        assert response.status == 200, f"{path}: {response.status}"
        return took, body

    def stream(self, path: str) -> tuple[float, float, int, int]:
        """Seconds to the first byte and to the last, lines, and bytes. Nothing of it is kept."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        part = response.read(1)
        first, lines, size = time.perf_counter() - started, 0, 0
        while part:
            lines, size = lines + part.count(b"\n"), size + len(part)
            part = response.read(1 << 16)
        return first, time.perf_counter() - started, lines, size

    def close(self) -> None:
        self._connection.close()


def fill_log(database: Path, persons: Sequence[Person], rows: int) -> None:
    """Logins of everybody in turn, over the last ninety days."""
    chance, now, every = random.Random(1), time.time(), 90 * 86_400 / rows
    with closing(sqlite3.connect(database)) as connection:
        connection.executemany(
            "INSERT INTO logins (login_id, at, section, username, name, nas, client_ip, result, reason, factor,"
            " device, elapsed, steps)"
            " VALUES (?, ?, 'radius_server_auto', ?, ?, '192.0.2.1', ?, ?, ?, ?, '', 4.3, ?)",
            (
                (
                    f"B{number:09d}", now - (rows - number) * every, f"EXAMPLE\\{person.username}",
                    person.username, f"198.51.{number % 200}.{number % 250}", "accept" if is_right else "reject",
                    "" if is_right else "wrong passcode", "push" if is_right else "passcode", _STEPS,
                )
                for number, person, is_right in (
                    (number, persons[number % len(persons)], chance.random() < 0.9) for number in range(rows)
                )
            ),
        )  # fmt: skip
        connection.execute("INSERT INTO login_names SELECT DISTINCT username, name FROM logins")
        connection.commit()


def log_in(database: Path) -> str:
    """The cookie of an Owner."""
    now = time.time()
    with Database(f"sqlite:///{database}").writing() as connection:
        admin = administrators.add_administrator(connection, "bench@example.com", "Bench", Role.OWNER)
        admin_passwords.set_password(connection, admin, "no password fits this", now)
        admin = administrators.find_administrator(connection, admin.id)
        administrators.change_administrator(connection, admin, {"status": "active"})
        opened = sessions.open_session(connection, "admin", admin.id, 7200.0, "127.0.0.1", "bench", now)
    return opened.cookie


def pages(users: int) -> dict[str, str]:
    last, log = f"user{users:05d}", "/admin/logs/authentication"
    return {
        "users, first page": "/admin/users",
        "users, last page": f"/admin/users?page={users // 50}",
        "users, one found": f"/admin/users?text={last}",
        "users, none found": "/admin/users?text=nobodyatall",
        "users, not enrolled": "/admin/users?enrolled=no",
        "search box": "/admin/search?q=er0777",
        "one user": f"/admin/users/DU{last}",
        "log, newest": log,
        "log, middle": f"{log}?behind={time.time() - 45 * 86_400!r}:1",
        "log, a user's": f"{log}?name={last}",
        "log, text found": f"{log}?text={last}",
        "log, text not found": f"{log}?text=nobodyatall",
        "log, reason": f"{log}?reason=timed+out",
        "one login": f"{log}/B000000777",
    }


def run(users: int = 100_000, rows: int = 1_000_000) -> tuple[list[PageScore], list[ExportScore]]:
    persons, port = people(users), free_port(socket.SOCK_STREAM)
    with scratch_directory() as scratch:
        service = f"interface=127.0.0.1\nport={port}"
        server = BenchAuthproxy(scratch / "authproxy", persons, SECRET, None, service=service)
        fill_log(server.database, persons, rows)
        cookie = log_in(server.database)
        server.start()
        client = PanelClient(port, cookie)
        try:
            client.get("/admin/users")  # templates are read once
            shown = [_page(client, name, path) for name, path in pages(users).items()]
            return shown, _exports(server, client, persons)
        finally:
            client.close()
            server.process.stop()


def _page(client: PanelClient, name: str, path: str) -> PageScore:
    client.get(path)
    times, size = [], 0
    for _ in range(_ROUNDS):
        took, body = client.get(path)
        times.append(1000 * took)
        size = len(body)
    score = PageScore(name, statistics.median(times), max(times), size)
    print(f"  {name:<22}{score.median:8.1f} ms", flush=True)
    return score


def _exports(server: BenchAuthproxy, client: PanelClient, persons: Sequence[Person]) -> list[ExportScore]:
    alone = _logins(server, persons[:_LOGINS_MEANWHILE])
    scores: list[ExportScore] = []
    for name, path in (
        ("log as CSV", "/admin/logs/authentication/export.csv"),
        ("log as JSON", "/admin/logs/authentication/export.json"),
        ("users as CSV", "/admin/users/export.csv"),
    ):
        before, meanwhile = server.process.rss(), list[float]()
        some = persons[(len(scores) + 1) * _LOGINS_MEANWHILE :][:_LOGINS_MEANWHILE]
        logins = threading.Thread(target=lambda some=some, into=meanwhile: into.append(_logins(server, some)))
        peaks = _Peak(server)
        logins.start()
        first, seconds, lines, size = client.stream(path)
        logins.join()
        peak = peaks.stop()
        scores.append(
            ExportScore(name, 1000 * first, seconds, lines, size / 1e6, before, peak, alone, meanwhile[0])
        )
        print(f"  {name:<22}{lines} lines in {seconds:.1f} s, RSS {before:.0f} to {peak:.0f} MB", flush=True)
    return scores


def _logins(server: BenchAuthproxy, persons: Sequence[Person]) -> float:
    """One after the other; milliseconds of the slowest hundredth."""
    step = next_step(0)
    answers = timed(server.port, SECRET, [(person.username, person.code(step)) for person in persons], 1)
    assert answers.accepted == answers.sent, f"{answers.accepted} of {answers.sent}"
    return answers.percentile(99)


class _Peak:
    """The most that a process has in memory while one looks."""

    def __init__(self, server: BenchAuthproxy) -> None:
        self._server = server
        self._most = server.process.rss()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._is_over.wait(0.05):
            self._most = max(self._most, self._server.process.rss())

    def stop(self) -> float:
        self._is_over.set()
        self._thread.join()
        return self._most


def table(shown: list[PageScore], exports: list[ExportScore]) -> str:
    lines = ["Admin Panel             first byte ms   longest   bytes"]
    lines += [f"{each.name:<24}{each.median:13.1f}{each.longest:10.1f}{each.size:8}" for each in shown]
    lines.append("export          first ms     s    rows     MB  RSS MB  peak  login p99 ms alone  meanwhile")
    lines += [
        f"{each.name:<16}{each.first:8.1f}{each.seconds:6.1f}{each.rows:8}{each.megabytes:7.0f}"
        f"{each.rss_before:8.0f}{each.peak:6.0f}{each.p99_alone:20.1f}{each.p99_meanwhile:11.1f}"
        for each in exports
    ]
    return "\n".join(lines)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    return parser


if __name__ == "__main__":
    options = arguments().parse_args()
    print(table(*run(options.users, options.rows)))
