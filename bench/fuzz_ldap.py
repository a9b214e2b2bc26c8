"""Sends broken messages through the LDAP front door, before a directory that breaks its own:
python bench/fuzz_ldap.py [COUNT] [SEED].

Fails on any exception, any connection that acts as a user who was not let in, any message that takes long, a flood
in the log, or growing memory. Default: 1,000,000 messages.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.fuzz_radius import GROWTH_LIMIT_KB, resident_kb
from tests.ldap_front.soak import Soak
from tests.radius.door import Lines

BATCH = 5_000
SLOWEST = 1.0  # seconds of CPU time; a busy machine's collections of garbage are among them
LINES_PER_MINUTE = 250  # one for each address


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    soak = Soak(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    batches = max(count // BATCH, 2)
    began = time.process_time()
    warm_kb = lines_logged = errors = 0
    for number in range(batches):
        with Lines() as lines:
            soak.batch(BATCH)
        lines_logged += len(lines.having("was disconnected"))
        errors += sum(1 for event in lines.events if event.get("log_failure") is not None)
        if number + 1 == max(batches // 5, 1):
            gc.collect()
            warm_kb = resident_kb()
    spent = time.process_time() - began
    problems = soak.finish()
    gc.collect()
    growth = resident_kb() - warm_kb
    minutes = soak.front.clock.seconds() / 60
    print(f"messages           {soak.sent}")
    print(f"became             {soak.front.judge.logins} logins, {soak.front.directory.heard} requests relayed")
    print(f"exceptions         {errors}")
    print(f"CPU per message    {spent / soak.sent * 1e6:.1f} us, the slowest {soak.slowest * 1e3:.1f} ms")
    print(f"lines of the log   {lines_logged} in {minutes:.1f} minutes of the front door's clock")
    print(f"memory             {warm_kb} KB when warm, {growth:+d} KB since")
    for problem in problems[:10]:
        print(f"problem            {problem}")
    is_flooded = lines_logged > LINES_PER_MINUTE * (minutes + 1)
    failed = bool(problems or errors) or growth > GROWTH_LIMIT_KB or is_flooded or soak.slowest > SLOWEST
    print("FAILED" if failed else "ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
