"""CPU per request of the RADIUS front door, step by step: python bench/radius_codec.py [COUNT]."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from authproxy.model import Accept
from authproxy.radius.packet import USER_PASSWORD, decode, is_signature_valid
from authproxy.radius.password import reveal
from authproxy.radius.reply import make_reply
from tests.radius.door import PEER, Door
from tests.radius.wire import SECRET, typical

ROUNDS = 5


def microseconds(step: Callable[[], object], count: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(count):
            step()
        best = min(best, time.process_time() - started)
    return best / count * 1e6


def whole_server(count: int) -> float:
    """Distinct logins through the server object: no socket, no log observer, an authenticator that accepts."""
    best = float("inf")
    for _ in range(ROUNDS):
        door = Door()
        door.judge.outcome = lambda _request: Accept("Success. Logging you in...")
        datagrams = [typical() for _ in range(count)]
        peers = [(PEER[0], 1024 + number) for number in range(count)]
        started = time.process_time()
        for datagram, peer in zip(datagrams, peers, strict=True):
            door.server.datagramReceived(datagram, peer)
        best = min(best, time.process_time() - started)
        assert len(door.wire.sent) == count
    return best / count * 1e6


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    datagram = typical()
    packet = decode(datagram)
    hidden = packet.first(USER_PASSWORD) or b""
    states = tuple(raw for raw in packet.attributes if raw[0] == 33)
    outcome = Accept("Success. Logging you in...")
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: decode(datagram),
        "verify Message-Authenticator": lambda: is_signature_valid(packet, SECRET),
        "reveal the password": lambda: reveal(hidden, SECRET, packet.authenticator),
        "make the reply": lambda: make_reply(outcome, packet, states, SECRET),
    }
    print(f"{len(datagram)} octets, {len(packet.attributes)} attributes; best of {ROUNDS} x {count}, microseconds")
    total = 0.0
    for name, step in steps.items():
        cost = microseconds(step, count)
        total += cost
        print(f"{cost:8.2f}  {name}")
    print(f"{total:8.2f}  together")
    print(f"{whole_server(count):8.2f}  the whole server object, without socket and log")
    print(f"{microseconds(lambda: os.urandom(16), count):8.2f}  (for comparison: 16 random octets)")


if __name__ == "__main__":
    main()
