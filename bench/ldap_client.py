"""How fast the directory client checks passwords: logins per second and CPU per login, against a real slapd.

.venv/bin/python -m bench.ldap_client [LOGINS]
"""

# ruff: noqa: E402 (the reactor is chosen before anything imports one)

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from twisted.internet import asyncioreactor

asyncioreactor.install()

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from authproxy.config.settings import AdClientSettings, AuthType, Transport
from authproxy.model import AuthRequest, Identity, Trail
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.peers.slapd import Slapd, password_of

_USERS = 1000


async def _worker(primary: DirectoryPrimary, numbers: range, waits: list[float]) -> None:
    trail = Trail(time.monotonic)
    for index in numbers:
        number = 16 + index % (_USERS - 15)
        password = password_of(number)
        request = AuthRequest("ID", "bench", f"user{number:04d}", password, "127.0.0.1", None, trail)
        began = time.perf_counter()
        who = await primary.check(request, password)
        waits.append(time.perf_counter() - began)
        assert isinstance(who, Identity) and who.username == request.username, who


async def _measure(peer: Slapd, transport: Transport, in_flight: int, logins: int) -> str:
    port = peer.tls_port if transport is Transport.LDAPS else peer.port
    settings = AdClientSettings(
        "bench", (("127.0.0.1", port),), peer.base, "", Secret(peer.service_password), AuthType.PLAIN,
        bind_dn=peer.service_dn,
        transport=transport, ssl_ca_certs_file=peer.ca_file, username_attribute="uid", at_attribute="mail",
    )  # fmt: skip
    primary = DirectoryPrimary(settings, reactor)
    starts = [range(first, logins, in_flight) for first in range(in_flight)]
    await gatherResults([Deferred.fromCoroutine(_worker(primary, range(40), [])) for _ in starts])  # warm up
    waits: list[float] = []
    cpu, wall = time.process_time(), time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(_worker(primary, one, waits)) for one in starts])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    primary.close()
    waits.sort()
    return (
        f"{transport:8} {in_flight:3} in flight: {logins / wall:6.0f} logins/s, "
        f"{cpu / logins * 1e6:4.0f} us CPU each, "
        f"p50 {waits[len(waits) // 2] * 1e3:.1f} ms, p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms"
    )


async def _main(logins: int) -> None:
    with tempfile.TemporaryDirectory() as directory, Slapd(Path(directory) / "slapd", _USERS) as peer:
        for transport in (Transport.CLEAR, Transport.LDAPS):
            for in_flight in (16, 64):
                print(await _measure(peer, transport, in_flight, logins), flush=True)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    react(lambda _reactor: Deferred.fromCoroutine(_main(count)))
