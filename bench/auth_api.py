"""The Auth API: signed requests (version 5, JSON) to one process over TLS; preauth, and logins with a passcode."""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import socket
from dataclasses import dataclass
from email.utils import formatdate

from authproxy.secondfactor.applications import Keys, add_application
from authproxy.store.engine import Database
from bench.authproxy import BenchAuthproxy
from bench.http_load import HttpAnswers, load
from bench.login import SECRET, next_step, scratch_directory
from bench.people import Person, people
from bench.processes import free_port

_NO_HEADERS = hashlib.sha512(b"").hexdigest()


@dataclass(slots=True)
class ApiScore:
    """``cpu``: seconds of the daemon."""

    name: str
    answers: HttpAnswers
    cpu: float
    rss: float


def signed(keys: Keys, path: str, parameters: dict[str, str]) -> bytes:
    """A whole POST, with none of the code that is measured."""
    date, body = formatdate(), json.dumps(parameters, sort_keys=True, separators=(",", ":")).encode()
    text = "\n".join((date, "POST", "localhost", path, "", hashlib.sha512(body).hexdigest(), _NO_HEADERS))
    signature = hmac.digest(keys.skey.encode(), text.encode(), "sha512").hex()
    authorization = base64.b64encode(f"{keys.ikey}:{signature}".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nDate: {date}\r\nAuthorization: Basic {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def preauths(keys: Keys, persons: list[Person]) -> list[bytes]:
    return [signed(keys, "/auth/v2/preauth", {"username": person.username}) for person in persons]


def logins(keys: Keys, persons: list[Person]) -> list[bytes]:
    step = next_step(0)
    return [
        signed(
            keys,
            "/auth/v2/auth",
            {"username": person.username, "factor": "passcode", "passcode": person.code(step), "async": "0"},
        )
        for person in persons
    ]


def run(users: int = 10_000, connections: int = 32) -> list[ApiScore]:
    persons, port = people(users), free_port(socket.SOCK_STREAM)
    with scratch_directory() as scratch:
        service = f"interface=127.0.0.1\nport={port}"
        server = BenchAuthproxy(scratch / "authproxy", persons, SECRET, None, service=service)
        with Database(f"sqlite:///{server.database}").writing() as connection:
            keys = add_application(connection, server.seeds, "bench", "authapi")
        server.start()
        try:
            return [
                _measure(server, port, "preauth", preauths(keys, persons), connections, b'"result":"auth"'),
                _measure(server, port, "passcode", logins(keys, persons), connections, b'"result":"allow"'),
            ]
        finally:
            server.process.stop()


def _measure(
    server: BenchAuthproxy, port: int, name: str, requests: list[bytes], connections: int, wanted: bytes
) -> ApiScore:
    before = server.process.cpu()
    answers = load(port, requests, connections, wanted)
    score = ApiScore(name, answers, server.process.cpu() - before, server.process.rss(peak=True))
    print(f"  {name:<10}{answers.rate:7.0f}/s  {answers.right} of {answers.sent} right", flush=True)
    return score


def table(scores: list[ApiScore]) -> str:
    lines = ["Auth API      requests/s    p50 ms    p99 ms  own CPU us  RSS MB  wrong"]
    for score in scores:
        answers = score.answers
        lines.append(
            f"{score.name:<12}{answers.rate:12.0f}{answers.percentile(50):10.1f}{answers.percentile(99):10.1f}"
            f"{1e6 * score.cpu / answers.sent:12.0f}{score.rss:8.0f}{answers.sent - answers.right:7}"
        )
    return "\n".join(lines)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    return parser


if __name__ == "__main__":
    options = arguments().parse_args()
    print(table(run(options.users, options.connections)))
