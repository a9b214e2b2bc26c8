"""CPU of the embedded second factor per login: a passcode and its journal record, N logins in flight.

.venv/bin/python bench/second_factor.py [LOGINS] [IN_FLIGHT]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from twisted.internet import asyncioreactor

asyncioreactor.install()

from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import Deferred, gatherResults  # noqa: E402

from authproxy.config.settings import ServiceSettings  # noqa: E402
from authproxy.model import (  # noqa: E402
    Allowed,
    Ask,
    AuthRequest,
    Choice,
    Factor,
    Identity,
    LoginRecord,
    Passcode,
    Step,
    Trail,
    new_login_id,
)
from authproxy.secondfactor.account_settings import Defaults  # noqa: E402
from authproxy.secondfactor.local import LocalSecondFactor  # noqa: E402
from authproxy.secondfactor.passcode import hotp  # noqa: E402
from authproxy.secondfactor.push import PushDesk  # noqa: E402
from authproxy.secondfactor.pushes import PushStatus, decide_push  # noqa: E402
from authproxy.secondfactor.rulebook import Rulebook  # noqa: E402
from authproxy.secondfactor.seeds import SeedBox  # noqa: E402
from authproxy.store import tables  # noqa: E402
from authproxy.store.engine import Database, open_sqlite  # noqa: E402
from authproxy.store.journal import StoreJournal  # noqa: E402
from authproxy.store.writer import Writer  # noqa: E402

FACTORS = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)
STEPS = (Step("primary", "ok", "cn=x,dc=x", 0.002), Step("second factor", "allowed", "passcode phone", 0.004))


def seed(n: int) -> bytes:
    return f"{n:020}".encode()


def fill(database: Database, box: SeedBox, users: int) -> None:
    rows = range(users)
    with database.writing() as c:
        c.execute(
            tables.users.insert(),
            [{"id": f"US{n}", "username": f"user{n}", "display_name": f"user{n}", "created": 1.0} for n in rows],
        )
        c.execute(
            tables.devices.insert(),
            [
                {
                    "id": f"DV{n}",
                    "kind": "totp",
                    "origin": "software",
                    "name": "phone",
                    "seed": box.encrypt(f"DV{n}", seed(n)),
                    "created": 1.0,
                }
                for n in rows
            ],
        )
        c.execute(tables.device_users.insert(), [{"user_id": f"US{n}", "device_id": f"DV{n}"} for n in rows])


def request(name: str) -> AuthRequest:
    return AuthRequest(new_login_id(), "radius_server_auto", name, b"", "192.0.2.1", None, Trail(time.monotonic))


class Run:
    def __init__(self, state_dir: Path, logins: int, in_flight: int) -> None:
        self.logins, self.in_flight = logins, in_flight
        url = f"sqlite:///{state_dir / 'authproxy.db'}"
        self.box = SeedBox(os.urandom(32))
        self.writer = Writer(state_dir / "authproxy.db", open_sqlite(url), reactor)
        self.database = Database(url)
        fill(self.database, self.box, logins)
        self.writer.start()
        self.desk = PushDesk(self.writer, reactor, time.time, 60)
        book = Rulebook(Defaults(ServiceSettings(state_dir, url)))
        self.second_factor = LocalSecondFactor("vpn", book, self.writer, self.box, self.desk, time.time)
        self.journal = StoreJournal(self.writer)

    async def passcode(self, n: int, code: str) -> None:
        name = f"user{n}"
        verdict = await self.second_factor.begin(Identity(name), Ask(Passcode(code), FACTORS), request(name))
        assert isinstance(verdict, Allowed), verdict

    async def record(self, n: int, _code: str) -> None:
        await self.journal.record(
            LoginRecord(
                new_login_id(), time.time(), "radius_server_auto", f"user{n}", "192.0.2.1", None,
                "accept", "", "passcode", "phone", STEPS, 0.005,
            )
        )  # fmt: skip

    async def nothing(self, _n: int, _code: str) -> None:
        await self.writer.run(lambda connection: None)

    async def measure(self, what: str, *parts: object) -> None:
        step = int(time.time() // 30)
        todo = iter([(n, hotp(seed(n), step)) for n in range(self.logins)])
        latencies: list[float] = []

        async def lane() -> None:
            for n, code in todo:
                begun = time.perf_counter()
                for part in parts:
                    await part(n, code)  # type: ignore[operator]
                latencies.append(time.perf_counter() - begun)

        commits, begun, cpu = self.writer.commits, time.perf_counter(), time.process_time()
        await gatherResults([Deferred.fromCoroutine(lane()) for _ in range(self.in_flight)])
        wall, cpu, commits = time.perf_counter() - begun, time.process_time() - cpu, self.writer.commits - commits
        latencies.sort()
        print(
            f"{what:22} {cpu / self.logins * 1e6:5.0f} us CPU  {self.logins / wall:6.0f}/s  "
            f"p99 {latencies[len(latencies) * 99 // 100] * 1e3:5.1f} ms  {commits / wall:5.0f} commits/s"
        )

    async def pushes(self, count: int) -> None:
        """``count`` pending at once, approved by a hundred as another process would, noticed by wake-up."""
        ask = Ask(Choice(Factor.PUSH), FACTORS)
        cpu = time.process_time()
        waiting = [
            Deferred.fromCoroutine(self.second_factor.begin(Identity(name), ask, request(name)))
            for name in (f"user{n}" for n in range(count))
        ]
        while self.desk.pending() < count:
            await self.writer.run(lambda connection: None)
        await self.writer.run(lambda connection: None)
        begin_cpu = time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        with self.database.reading() as c:
            ids = {user: push for push, user in c.exec_driver_sql("SELECT id, user_id FROM pushes")}
        latencies: list[float] = []
        cpu = time.process_time()
        for first in range(0, count, 100):
            batch = range(first, min(first + 100, count))
            with self.database.writing() as c:
                for n in batch:
                    decide_push(c, ids[f"US{n}"], PushStatus.APPROVED, "bench", time.time())
            begun = time.perf_counter()
            for n in batch:
                waiting[n].addCallback(lambda _verdict, begun=begun: latencies.append(time.perf_counter() - begun))
            self.desk.wake([ids[f"US{n}"] for n in batch])
            await gatherResults([waiting[n] for n in batch])
        cpu = time.process_time() - cpu
        latencies.sort()
        print(f"{count} pushes pending: {begin_cpu / count * 1e6:.0f} us CPU each to begin, {memory} MB at most;")
        print(f"  {cpu / count * 1e6:.0f} us to approve, notice and let in; from approval to verdict", end=" ")
        p50, p99 = latencies[count // 2] * 1e3, latencies[count * 99 // 100] * 1e3
        print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {latencies[-1] * 1e3:.1f} ms")

    async def all(self) -> None:
        await self.measure("an empty job", self.nothing)
        await self.measure("journal record", self.record)
        await self.measure("passcode and record", self.passcode, self.record)
        with self.database.writing() as c:
            c.execute(tables.devices.update().values(last_step=None))
        await self.measure("passcode", self.passcode)
        await self.pushes(min(self.logins, 10_000))
        self.desk.stop()
        await self.writer.stop()


def main() -> None:
    logins, in_flight = (int(word) for word in [*sys.argv[1:], *["10000", "64"][len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as state_dir:
        run = Run(Path(state_dir), logins, in_flight)

        def begin() -> None:
            done = Deferred.fromCoroutine(run.all())
            done.addErrback(lambda failure: print(failure.getTraceback()))
            done.addBoth(lambda _: reactor.stop())

        reactor.callLater(0, begin)
        reactor.run()


main()
