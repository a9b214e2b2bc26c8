"""Loads of logins over UDP: radclient for the rate, and a generator of our own that times each answer."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import selectors
import socket
import struct
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ACCEPT = 2
_GIVE_UP = 10.0


def access_request(identifier: int, username: str, password: str, secret: bytes, nas_port: int = 0) -> bytes:
    """A signed Access-Request (RFC 2865 5.2, RFC 3579 3.2), with none of the code that is measured."""
    authenticator = os.urandom(16)
    hidden, before = b"", authenticator
    plain = password.encode()
    plain += bytes(-len(plain) % 16)
    for at in range(0, len(plain), 16):
        key = hashlib.md5(secret + before).digest()
        before = bytes(a ^ b for a, b in zip(plain[at : at + 16], key, strict=True))
        hidden += before
    name = username.encode()
    body = bytes((1, len(name) + 2)) + name + bytes((2, len(hidden) + 2)) + hidden
    body += b"\x04\x06\x7f\x00\x00\x01" + b"\x05\x06" + struct.pack(">I", nas_port)
    head = struct.pack(">BBH", 1, identifier, 20 + 18 + len(body)) + authenticator
    signature = hmac.digest(secret, head + b"\x50\x12" + bytes(16) + body, "md5")
    return head + b"\x50\x12" + signature + body


def is_answering(port: int, secret: bytes) -> bool:
    """Answers a Status-Server (RFC 5997)."""
    empty = b"\x0c\x01\x00\x26" + os.urandom(16) + b"\x50\x12" + bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        probe.connect(("127.0.0.1", port))
        try:
            probe.send(empty[:-16] + hmac.digest(secret, empty, "md5"))
            return len(probe.recv(4096)) >= 20
        except (TimeoutError, ConnectionRefusedError):
            return False


@dataclass(slots=True)
class Answers:
    """What a load came to. ``latencies`` in seconds, sorted; empty where they are not known."""

    sent: int
    seconds: float
    accepted: int
    rejected: int
    lost: int
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.sent / self.seconds

    def percentile(self, percent: float) -> float:
        """In milliseconds."""
        if not self.latencies:
            return 0.0
        return 1000 * self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


def radclient(port: int, secret: str, logins: Iterable[tuple[str, str]], parallel: int, scratch: Path) -> Answers:
    """Every login once through Debian's radclient, ``parallel`` in flight."""
    lines = [
        f'User-Name = "{name}"\nUser-Password = "{password}"\nNAS-IP-Address = 127.0.0.1\n'
        "Message-Authenticator = 0x00\n"
        for name, password in logins
    ]
    scratch.write_text("\n".join(lines))
    command = ["radclient", "-q", "-s", "-p", str(parallel), "-r", "1", "-t", "10", "-f", str(scratch)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, f"127.0.0.1:{port}", "auth", secret], capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    counts = {name: int(number) for name, number in re.findall(r"(\w+)\s*:\s*(\d+)", done.stdout)}
    return Answers(
        len(lines), seconds, counts.get("Accepted", 0), counts.get("Rejected", 0), counts.get("Lost", len(lines))
    )


def timed(port: int, secret: str, logins: Iterable[tuple[str, str]], parallel: int) -> Answers:
    """Every login once, ``parallel`` (at most 128) in flight, each answer timed. Nothing is sent twice."""
    key = secret.encode()
    packets = [access_request(n & 255, name, password, key, n) for n, (name, password) in enumerate(logins)]
    sent_at = [0.0] * 256
    latencies: list[float] = []
    codes = [0] * 256
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, selectors.DefaultSelector() as selector:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        sock.connect(("127.0.0.1", port))
        selector.register(sock, selectors.EVENT_READ)
        busy: set[int] = set()
        started = now = time.perf_counter()
        following = 0
        while following < len(packets) or busy:
            while following < len(packets) and len(busy) < parallel and following & 255 not in busy:
                sent_at[following & 255] = time.perf_counter()
                busy.add(following & 255)
                sock.send(packets[following])
                following += 1
            if not selector.select(_GIVE_UP):
                break
            reply = sock.recv(4096)
            now = time.perf_counter()
            if reply[1] in busy:
                busy.discard(reply[1])
                codes[reply[0]] += 1
                latencies.append(now - sent_at[reply[1]])
    accepted = codes[ACCEPT]
    answered = sum(codes)
    return Answers(
        len(packets), now - started, accepted, answered - accepted, len(packets) - answered, sorted(latencies)
    )
