"""The login bench: the same logins (password and one-time code) to FreeRADIUS and to authproxy, on one slapd."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.authproxy import BenchAuthproxy
from bench.freeradius import BenchFreeRadius
from bench.load import Answers, radclient, timed
from bench.people import STEP, Person, people
from bench.slapd import BenchSlapd

SECRET = "bench-secret"
_ROUND_SECONDS = 15.0

Server = BenchAuthproxy | BenchFreeRadius
Logins = list[tuple[str, str]]


@dataclass(slots=True)
class Score:
    """One server's figures over all rounds. CPU in seconds."""

    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    logins: int = 0
    own_cpu: float = 0.0
    slapd_cpu: float = 0.0
    lost: int = 0
    wrong: int = 0
    rss: float = 0.0

    @property
    def rate(self) -> float:
        return median(self.rates)


def _rate_load(
    score: Score, server: Server, slapd: BenchSlapd, logins: Logins, parallel: int, scratch: Path
) -> None:
    """One round by radclient: logins a second and CPU."""
    own, theirs = server.process.cpu(), slapd.process.cpu()
    answers = radclient(server.port, SECRET, logins, parallel, scratch / "logins")
    score.own_cpu += server.process.cpu() - own
    score.slapd_cpu += slapd.process.cpu() - theirs
    score.logins += answers.sent
    score.rates.append(answers.rate)
    _count(score, server, answers)


def _timed_load(
    score: Score, server: Server, slapd: BenchSlapd, logins: Logins, parallel: int, scratch: Path
) -> None:
    """One round by our own generator: latencies."""
    answers = timed(server.port, SECRET, logins, parallel)
    score.latencies = answers.latencies
    _count(score, server, answers)


def _count(score: Score, server: Server, answers: Answers) -> None:
    score.lost += answers.lost
    score.wrong += answers.rejected
    how = f"{answers.accepted} accepted, {answers.rejected} rejected, {answers.lost} lost"
    print(f"  {server.name:<11}{answers.rate:7.0f} logins/s  {how}", flush=True)


def next_step(last: int) -> int:
    """The current TOTP step, once it is after ``last`` and will last for a round: FreeRADIUS 3.2.1 takes no
    code of the step before."""
    while True:
        now = time.time()
        step = int(now // STEP)
        if step > last and STEP - now % STEP >= _ROUND_SECONDS:
            return step
        time.sleep(0.1)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Removed at the end; kept, and named, when the bench fails: the servers' logs are in it."""
    path = Path(tempfile.mkdtemp(prefix="authproxy-bench-"))
    try:
        yield path
    except BaseException:
        print(f"what the servers wrote is left in {path}", flush=True)
        raise
    shutil.rmtree(path, ignore_errors=True)


def logins_at(persons: list[Person], step: int) -> Logins:
    return [(person.username, f"{person.password},{person.code(step)}") for person in persons]


def run(users: int, rounds: int, parallel: int, only: str = "") -> dict[str, Score]:
    """Prints a line per round. Raises RuntimeError when a server does not start."""
    persons = people(users)
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_directory())
        slapd = BenchSlapd(scratch / "slapd", persons).start()
        stack.callback(slapd.process.stop)
        servers: list[Server] = []
        if only != "authproxy":
            servers.append(BenchFreeRadius(scratch / "freeradius", persons, slapd.port, SECRET).start())
            stack.callback(servers[-1].process.stop)
        if only != "freeradius":
            servers.append(BenchAuthproxy(scratch / "authproxy", persons, SECRET, slapd.port).start())
            stack.callback(servers[-1].process.stop)
        scores = {server.name: Score() for server in servers}
        step = 0
        for number in range(rounds + 1):
            step = next_step(step)
            logins = logins_at(persons, step)
            for server in servers:
                load = _rate_load if number < rounds else _timed_load
                load(scores[server.name], server, slapd, logins, parallel, scratch)
        for server in servers:
            scores[server.name].rss = server.process.rss(peak=True)
    return scores


def table(scores: dict[str, Score]) -> str:
    lines = ["server        logins/s    p50 ms    p99 ms  own CPU us  slapd CPU us  RSS MB  lost  wrong"]
    for name, score in scores.items():
        timing = Answers(1, 1.0, 0, 0, 0, score.latencies)
        lines.append(
            f"{name:<12}{score.rate:10.0f}{timing.percentile(50):10.1f}{timing.percentile(99):10.1f}"
            f"{1e6 * score.own_cpu / score.logins:12.0f}{1e6 * score.slapd_cpu / score.logins:14.0f}"
            f"{score.rss:8.0f}{score.lost:6}{score.wrong:7}"
        )
    if len(scores) == 2:
        ratio = scores["authproxy"].rate / scores["FreeRADIUS"].rate
        lines.append(f"ratio authproxy / FreeRADIUS: {ratio:.2f} (wanted: 0.8)")
    return "\n".join(lines)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=64)
    parser.add_argument("--only", choices=("authproxy", "freeradius"), default="")
    return parser


if __name__ == "__main__":
    options = arguments().parse_args()
    print(table(run(options.users, options.rounds, options.parallel, options.only)))
