"""Sends broken RADIUS datagrams through the whole server object: python bench/fuzz_radius.py [COUNT] [SEED].

Fails on any exception, any datagram that takes long, a flood in the log, or growing memory.
Default: 1,000,000 datagrams.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from authproxy.radius import droplog
from authproxy.radius.packet import ACCESS_ACCEPT, verify_response
from tests.radius.door import Door, Lines
from tests.radius.mutants import mutants
from tests.radius.wire import SECRET, pap

PER_SECOND = 2_000  # of the clock the server sees
BATCH = 5_000
GROWTH_LIMIT_KB = 8 * 1024


def resident_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("no VmRSS in /proc/self/status")


class Soak:
    """Counts what happened."""

    def __init__(self, seed: int) -> None:
        self.door = Door()
        self.chance = Random(seed)
        self.answers = 0
        self.drop_lines = 0
        self.slowest = 0.0
        self.spent = 0.0
        self.logins = 0

    def batch(self) -> None:
        datagrams = list(mutants(self.chance, BATCH))
        peers = [
            (f"{self.chance.choice(('192.0.2', '203.0.113'))}.{self.chance.randrange(250)}", 5000)
            for _ in range(BATCH)
        ]
        with Lines() as lines:
            for datagram, peer in zip(datagrams, peers, strict=True):
                started = time.process_time()
                self.door.server.datagramReceived(datagram, peer)
                took = time.process_time() - started
                self.spent += took
                self.slowest = max(self.slowest, took)
                self.door.clock.advance(1 / PER_SECOND)
        self.drop_lines += len(lines.having("dropped a datagram"))
        self.answers += len(self.door.wire.take())
        judge = self.door.judge
        self.logins += len(judge.started) + len(judge.resumed)
        judge.started.clear()
        judge.resumed.clear()
        while judge.waiting:
            judge.waiting.pop().cancel()

    def is_still_serving(self) -> bool:
        nonce = bytes(range(16))
        (datagram,) = self.door.send(pap(authenticator=nonce), ("192.0.2.254", 1))
        return verify_response(datagram, nonce, SECRET).code == ACCESS_ACCEPT


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    soak = Soak(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    batches = max(count // BATCH, 2)
    warm_after = max(batches // 5, 1)  # by then the answers of 30 seconds and every table are full
    warm_kb = 0
    for number in range(batches):
        soak.batch()
        if number + 1 == warm_after:
            warm_kb = resident_kb()
    growth = resident_kb() - warm_kb
    bugs = int(soak.door.dropped(droplog.BUG))
    minutes = soak.door.clock.seconds() / 60
    print(f"datagrams          {batches * BATCH}")
    print(f"reached the login  {soak.logins}, answered {soak.answers}")
    print(f"exceptions         {bugs}")
    print(
        f"CPU per datagram   {soak.spent / (batches * BATCH) * 1e6:.1f} us,"
        f" the slowest {soak.slowest * 1e3:.1f} ms"
    )
    print(f"drop lines         {soak.drop_lines} in {minutes:.1f} minutes of the server's clock")
    print(f"memory             {warm_kb} KB when warm, {growth:+d} KB since")
    failed = (
        bugs > 0 or growth > GROWTH_LIMIT_KB or not soak.is_still_serving() or soak.drop_lines > 4000 * minutes
    )
    print("FAILED" if failed else "ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
