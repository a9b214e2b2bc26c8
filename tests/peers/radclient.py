"""Debian's radclient, an appliance that trusts none of our code.

client = Radclient(("127.0.0.1", 1812), "secret")
reply = client.login("bob", "password,123456")     # reply.code == "Access-Accept", reply.attributes
tally = client.many([("bob", "one"), ("eve", "two")], parallel=64)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_RECEIVED = re.compile(r"^Received (\S+) Id", re.MULTILINE)
_ATTRIBUTE = re.compile(r'^\t([A-Za-z0-9-]+) = (?:"((?:[^"\\]|\\.)*)"|(.*))$')
_SUMMARY = re.compile(r"^\s*(Accepted|Rejected|Lost)\s*:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """``code`` is empty when no valid answer came. An attribute that occurs twice has two values."""

    code: str
    attributes: Mapping[str, list[str]] = field(default_factory=dict)
    output: str = ""


@dataclass(frozen=True)
class Tally:
    accepted: int
    rejected: int
    lost: int


def require_radclient() -> str:
    """The binary's path; skips the test without it, or fails it where CI=true."""
    binary = shutil.which("radclient")
    if binary is not None:
        return binary
    message = "no radclient on this host: apt-get install freeradius-utils"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class Radclient:
    def __init__(self, server: tuple[str, int], secret: str, *, timeout: float = 30.0, retries: int = 1) -> None:
        """``retries``: how often a request is sent in all; ``timeout``: seconds for each."""
        self._binary = require_radclient()
        host, port = server
        self._server = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._secret = secret
        self._options = ["-r", str(retries), "-t", str(timeout)]

    def login(self, username: str, password: str, attributes: Iterable[str] = ()) -> Reply:
        """One Access-Request. ``attributes``: more of them, as ``NAS-Port = 1``."""
        return self._ask(_request(username, password, attributes))

    def login_mschap(self, username: str, password: str) -> Reply:
        """One Access-Request by MS-CHAPv1, which radclient makes of the password."""
        request = _request(username, password, ())
        return self._ask(request.replace("User-Password", "MS-CHAP-Password", 1))

    def _ask(self, request: str) -> Reply:
        done = self._run(["-x", *self._options], request)
        received = _RECEIVED.search(done)
        if received is None:
            return Reply("", {}, done)
        found: dict[str, list[str]] = {}
        for line in done[received.end() :].splitlines():
            match = _ATTRIBUTE.match(line)
            if match:
                found.setdefault(match[1], []).append(match[2] if match[2] is not None else match[3])
        return Reply(received[1], found, done)

    def many(self, logins: Iterable[tuple[str, str]], parallel: int = 64, rate: int = 0) -> Tally:
        """Every login once, ``parallel`` in flight; at most ``rate`` a second, if given."""
        text = "\n".join(_request(username, password, ()) for username, password in logins)
        pace = ["-n", str(rate)] if rate else []
        output = self._run(["-q", "-s", "-p", str(parallel), *pace, *self._options], text)
        counts = {name: int(number) for name, number in _SUMMARY.findall(output)}
        assert len(counts) == 3, output
        return Tally(counts["Accepted"], counts["Rejected"], counts["Lost"])

    def answers(
        self, logins: Iterable[tuple[str, str]], parallel: int = 64
    ) -> Generator[tuple[int, str], None, None]:
        """Every login once: the number of the login and the answer's code, as soon as it is there. To close it
        ends radclient."""
        text = "\n".join(
            _request(username, password, [f"Proxy-State = 0x{number:08x}"])
            for number, (username, password) in enumerate(logins)
        )
        with self._command(["-x", "-p", str(parallel), *self._options], text, "auth") as command:
            line_by_line = ["stdbuf", "-oL", *command]
            with subprocess.Popen(line_by_line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
                assert it.stdout is not None
                try:
                    yield from _numbered(it.stdout)
                finally:
                    it.kill()

    def status(self) -> Reply:
        """One Status-Server (RFC 5997)."""
        output = self._run(["-x", *self._options], "Message-Authenticator = 0x00\n", "status")
        received = _RECEIVED.search(output)
        return Reply(received[1] if received else "", {}, output)

    def _run(self, options: list[str], requests: str, kind: str = "auth") -> str:
        with self._command(options, requests, kind) as command:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        return done.stdout + done.stderr

    @contextmanager
    def _command(self, options: list[str], requests: str, kind: str) -> Iterator[list[str]]:
        """What to run while the files that it reads are there."""
        with tempfile.TemporaryDirectory() as scratch:
            secret = Path(scratch, "secret")  # not in the arguments, which every user of the host can read
            secret.write_text(self._secret)
            requests_file = Path(scratch, "requests")
            requests_file.write_text(requests)
            yield [self._binary, *options, "-S", str(secret), "-f", str(requests_file), self._server, kind]


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The Proxy-State and the code of each reply in radclient's output."""
    code = ""
    for line in lines:
        if not line.startswith("\t"):
            received = _RECEIVED.match(line)
            code = received[1] if received else ""
        elif code and line.startswith("\tProxy-State = 0x"):
            yield int(line.rpartition("0x")[2], 16), code


def _request(username: str, password: str, attributes: Iterable[str]) -> str:
    lines = [
        f"User-Name = {_quoted(username)}",
        f"User-Password = {_quoted(password)}",
        *attributes,
        "Message-Authenticator = 0x00",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
