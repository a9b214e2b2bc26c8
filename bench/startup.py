"""How long ``authproxy run`` takes until it answers, with 10,000 users in its store."""

from __future__ import annotations

import statistics

from bench.authproxy import BenchAuthproxy
from bench.login import SECRET, scratch_directory
from bench.people import people


def run(users: int = 10_000, times: int = 5) -> list[float]:
    """Seconds from the process's start to its first answer, sorted. Nothing is asked of a directory."""
    found = []
    with scratch_directory() as scratch:
        server = BenchAuthproxy(scratch / "authproxy", people(users), SECRET, None)
        for _ in range(times):
            server.start()
            server.process.stop()
            found.append(server.ready_after)
    return sorted(found)


def table(seconds: list[float]) -> str:
    return f"ready after {statistics.median(seconds):.2f} s (worst {seconds[-1]:.2f}; wanted: under 2)"


if __name__ == "__main__":
    print(table(run()))
