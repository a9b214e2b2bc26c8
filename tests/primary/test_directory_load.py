"""Hundreds of logins in flight when a directory server dies or hangs: each gets its own right answer in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from authproxy.config.settings import Transport
from authproxy.model import Identity, Reason
from authproxy.primary.directory import DirectoryPrimary
from tests.peers.slapd import Slapd, password_of
from tests.primary.directories import login, settings_for

USERS = 400
FIRST = 20  # those before have special accounts
TIMEOUT = 6.0
STRICKEN_AFTER = 60  # answers


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Slapd, Slapd]]:
    directory: Path = tmp_path_factory.mktemp("slapd")
    first, second = (Slapd(directory / name, users=FIRST + USERS) for name in ("first", "second"))
    yield first, second
    first.stop()
    second.stop()


@pytest.fixture(params=[Transport.CLEAR, Transport.STARTTLS])
def primary(
    request: pytest.FixtureRequest, both: tuple[Slapd, Slapd], tmp_path: Path
) -> Iterator[DirectoryPrimary]:
    for peer in both:
        peer.stop()
        peer.start()
    ports = (both[0].port, both[1].port)
    authorities = tmp_path / "both.pem"
    authorities.write_text("".join(peer.ca_file.read_text() for peer in both))
    settings = settings_for(
        both[0], ports=ports, timeout=TIMEOUT, transport=request.param, ssl_ca_certs_file=authorities
    )
    made = DirectoryPrimary(settings, reactor)
    yield made
    made.close()
    pytest_twisted.blockon(deferLater(reactor, 0.05, lambda: None))


@pytest.mark.parametrize("blow", [Slapd.kill, Slapd.pause], ids=["dies", "hangs"])
async def test_the_first_server_fails_with_hundreds_in_flight(
    both: tuple[Slapd, Slapd], primary: DirectoryPrimary, blow: object
) -> None:
    answered: list[int] = []
    waits: list[float] = []

    async def one(number: int) -> None:
        is_right = number % 2 == 0
        began = reactor.seconds()
        verdict = await login(primary, f"user{number:04d}", password_of(number) if is_right else b"wrong")
        waits.append(reactor.seconds() - began)
        answered.append(number)
        if is_right:
            assert isinstance(verdict, Identity) and verdict.username == f"user{number:04d}"
        else:
            assert getattr(verdict, "reason", None) is Reason.BAD_PASSWORD
        if len(answered) == STRICKEN_AFTER:
            blow(both[0])  # type: ignore[operator]

    numbers = range(FIRST, FIRST + USERS)
    await gatherResults([Deferred.fromCoroutine(one(number)) for number in numbers])
    assert sorted(answered) == list(numbers)
    assert max(waits) <= TIMEOUT
