"""Ten thousand logins while the first of two directory servers dies or hangs: how many got which answer, how late.

.venv/bin/python -m bench.failover [LOGINS]
"""

# ruff: noqa: E402 (the reactor is chosen before anything imports one)

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from twisted.internet import asyncioreactor

asyncioreactor.install()

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.errors import PrimaryUnavailable
from authproxy.model import AuthRequest, Denied, Identity, Reason, Trail
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.peers.slapd import Slapd, password_of

_USERS = 1000
_FIRST = 20  # those before have special accounts
_IN_FLIGHT = 500
_TIMEOUT = 6.0


class Count:
    """Of the logins: which answers they got, and their waits in seconds."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.waits: list[float] = []

    async def login(self, primary: DirectoryPrimary, index: int) -> None:
        number = _FIRST + index % (_USERS - _FIRST)
        is_right = index % 2 == 0
        password = password_of(number) if is_right else b"wrong"
        name = f"user{number:04d}"
        request = AuthRequest("ID", "bench", name, password, "127.0.0.1", None, Trail(time.monotonic))
        began = time.perf_counter()
        try:
            verdict = await primary.check(request, password)
        except PrimaryUnavailable:
            self.answers["unavailable"] += 1
        else:
            expected = (
                isinstance(verdict, Identity) and verdict.username == name
                if is_right
                else isinstance(verdict, Denied) and verdict.reason is Reason.BAD_PASSWORD
            )
            self.answers["right answer" if expected else "WRONG ANSWER"] += 1
        self.waits.append(time.perf_counter() - began)


async def _measure(pair: tuple[Slapd, Slapd], blow: Callable[[Slapd], None], name: str, logins: int) -> str:
    hosts = tuple(("localhost", peer.port) for peer in pair)
    settings = AdClientSettings(
        "bench", hosts, pair[0].base, "", Secret(pair[0].service_password), AuthType.PLAIN,
        bind_dn=pair[0].service_dn, username_attribute="uid", at_attribute="mail", timeout=_TIMEOUT,
    )  # fmt: skip
    primary = DirectoryPrimary(settings, reactor)
    count, indexes = Count(), iter(range(logins))

    async def worker() -> None:
        for index in indexes:
            if index == logins // 3:
                blow(pair[0])
            await count.login(primary, index)

    began = time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(worker()) for _ in range(_IN_FLIGHT)])
    took = time.perf_counter() - began
    primary.close()
    waits = sorted(count.waits)
    answers = ", ".join(f"{number} {answer}" for answer, number in sorted(count.answers.items()))
    return (
        f"{name:6} {logins} logins, {_IN_FLIGHT} in flight, {took:.1f} s: {answers}; "
        f"waits p50 {waits[logins // 2] * 1e3:.0f} ms, p99 {waits[logins * 99 // 100] * 1e3:.0f} ms, "
        f"longest {waits[-1]:.2f} s (timeout {_TIMEOUT:g} s)"
    )


async def _main(logins: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pair = (Slapd(Path(folder) / "one", users=_USERS), Slapd(Path(folder) / "two", users=_USERS))
        for blow, name in ((Slapd.kill, "dies"), (Slapd.pause, "hangs")):
            for peer in pair:
                peer.start()
            print(await _measure(pair, blow, name, logins))
            for peer in pair:
                peer.stop()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    react(lambda _reactor: Deferred.fromCoroutine(_main(count)))
