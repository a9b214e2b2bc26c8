"""Two slapds: one dies, hangs, comes back. Nobody is refused because of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.errors import PrimaryUnavailable
from authproxy.ldap.sample_server import MemoryDirectory
from authproxy.model import Denied, Identity, Reason
from authproxy.primary.directory import DirectoryPrimary
from tests.peers.ports import free_port
from tests.peers.slapd import Slapd, password_of
from tests.primary.directories import login, settings_for

Pair = tuple[Slapd, Slapd]
TIMEOUT = 6.0  # of whoever asks two servers of which one hangs: each has half of it


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory: Path = tmp_path_factory.mktemp("slapd")
    first, second = (Slapd(directory / name, users=60) for name in ("first", "second"))
    yield first, second
    first.stop()
    second.stop()


@pytest.fixture
def pair(both: Pair) -> Pair:
    for peer in both:
        peer.stop()
        peer.start()
    return both


@pytest.fixture(params=[60.0])
def primary(pair: Pair, request: pytest.FixtureRequest) -> Iterator[DirectoryPrimary]:
    ports = (pair[0].port, pair[1].port)
    made = DirectoryPrimary(settings_for(pair[0], ports=ports, timeout=request.param), reactor)
    yield made
    made.close()
    pytest_twisted.blockon(deferLater(reactor, 0.02, lambda: None))


async def sleep(seconds: float) -> None:
    await deferLater(reactor, seconds, lambda: None)


async def timed_login(primary: DirectoryPrimary, number: int = 20) -> float:
    began = time.monotonic()
    who = await login(primary, f"user{number:04d}", password_of(number))
    assert isinstance(who, Identity) and who.username == f"user{number:04d}"
    return time.monotonic() - began


async def assert_asked_first(primary: DirectoryPrimary) -> None:
    """The one that answers is the one that is asked first."""
    before = primary._hosts.state().failovers
    await timed_login(primary)
    assert primary._hosts.state().failovers == before


async def test_a_dead_first_host_is_passed_over_and_used_again_when_it_is_back(
    pair: Pair, primary: DirectoryPrimary
) -> None:
    first, second = primary._hosts.all
    pair[0].kill()
    await timed_login(primary)
    assert (first.is_up, second.is_up) == (False, True)
    await assert_asked_first(primary)
    pair[0].start()
    give_up = time.monotonic() + 60
    while not first.is_up and time.monotonic() < give_up:
        await sleep(0.05)
    pair[1].kill()
    await assert_asked_first(primary)


async def test_killing_a_host_under_load_costs_no_login(pair: Pair, primary: DirectoryPrimary) -> None:
    verdicts: list[Identity | Denied] = []

    async def worker(first: int) -> None:
        for index in range(12):
            number = 20 + (first + index) % 40
            password = password_of(number) if index % 2 else b"wrong"
            verdict = await login(primary, f"user{number:04d}", password)
            verdicts.append(verdict)
            if index % 2:
                assert isinstance(verdict, Identity) and verdict.username == f"user{number:04d}"
            else:
                assert isinstance(verdict, Denied) and verdict.reason is Reason.BAD_PASSWORD
            if len(verdicts) == 60:
                pair[0].kill()

    await gatherResults([Deferred.fromCoroutine(worker(first)) for first in range(24)])
    assert len(verdicts) == 24 * 12


@pytest.mark.parametrize("primary", [TIMEOUT], indirect=True)
async def test_a_hanging_host_delays_logins_once_and_less_than_the_timeout(
    pair: Pair, primary: DirectoryPrimary
) -> None:
    await timed_login(primary)
    pair[0].pause()
    waits = await gatherResults([Deferred.fromCoroutine(timed_login(primary, 20 + n)) for n in range(20)])
    assert max(waits) < TIMEOUT
    await assert_asked_first(primary)
    pair[0].resume()


@pytest.mark.parametrize("primary", [TIMEOUT], indirect=True)
async def test_a_host_that_hangs_from_the_start_is_passed_over(pair: Pair, primary: DirectoryPrimary) -> None:
    pair[0].pause()
    assert await timed_login(primary) < TIMEOUT
    pair[0].resume()


async def test_with_no_host_left_nobody_is_judged_and_it_is_logged_once(
    pair: Pair, primary: DirectoryPrimary
) -> None:
    lines: list[LogEvent] = []
    globalLogPublisher.addObserver(lines.append)
    pair[0].kill()
    pair[1].kill()
    try:
        for _ in range(5):
            with pytest.raises(PrimaryUnavailable, match="connection refused"):
                await login(primary, "user0020", b"pw-0020")
    finally:
        globalLogPublisher.removeObserver(lines.append)
    assert len([line for line in lines if "is down" in str(line.get("log_format"))]) == 2
    pair[0].start()
    await timed_login(primary)


async def test_a_server_that_closes_idle_connections_is_just_asked_again(tmp_path: Path) -> None:
    with Slapd(tmp_path / "peer", users=20, idle=1) as peer:
        primary = DirectoryPrimary(settings_for(peer), reactor)
        await timed_login(primary)
        give_up = time.monotonic() + 60
        while primary._hosts.all[0]._service is not None:
            assert time.monotonic() < give_up
            await sleep(0.05)
        await assert_asked_first(primary)
        assert primary._hosts.all[0].is_up
        primary.close()
        await sleep(0.02)


async def test_an_address_that_resolves_to_nothing_is_named(pair: Pair) -> None:
    settings = settings_for(pair[0], host="no-such-host.invalid")
    primary = DirectoryPrimary(settings, reactor)
    with pytest.raises(PrimaryUnavailable, match=r"no-such-host\.invalid.*(resolved|no connection)"):
        await login(primary, "user0020", b"pw-0020")
    primary.close()


async def test_a_busy_host_is_passed_over_and_never_a_denial(pair: Pair) -> None:
    from authproxy.ldap.responses import Result

    busy = MemoryDirectory({})
    busy.entries.bind = lambda name, password: Result(51, message="come back later")  # type: ignore[method-assign]
    port = busy.listen(reactor)
    settings = settings_for(pair[1], ports=(port.getHost().port, pair[1].port))
    primary = DirectoryPrimary(settings, reactor)
    await timed_login(primary)
    assert not primary._hosts.all[0].is_up
    primary.close()
    busy.close()
    await port.stopListening()
    await sleep(0.02)


async def test_nobody_listening_gives_one_clear_line() -> None:
    port = free_port()

    class Nobody:
        base, service_dn, service_password, ca_file = "dc=x", "cn=x", "x", "/nonexistent"

    primary = DirectoryPrimary(settings_for(Nobody, ports=(port,), host="127.0.0.1"), reactor)  # type: ignore[arg-type]
    with pytest.raises(PrimaryUnavailable, match=rf"127\.0\.0\.1:{port}: connection refused"):
        await primary.verify()
    primary.close()
