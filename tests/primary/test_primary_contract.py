"""What every Primary must do, on every implementation.

To add one: a generator that yields a ``Subject``, decorated with ``@subject("name")``. Each must know the users of
``USERS`` with their passwords, and nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from authproxy.config.settings import RadiusClientSettings, UpstreamHost
from authproxy.errors import PrimaryUnavailable
from authproxy.model import AuthRequest, Denied, Identity, Primary, Reason, Trail
from authproxy.primary.memory import MemoryPrimary
from authproxy.primary.none import AppliancePrimary
from authproxy.primary.radius import RadiusPrimary
from authproxy.radius.attributes import Dictionary
from authproxy.radius.client import UpstreamClient
from authproxy.radius.passthrough import PassThrough
from authproxy.secret import Secret
from tests.peers.freeradius import FreeRadius, User

USERS = {
    "anna": b"correct horse",
    "bob": "pässwörd-€".encode(),
    "carol": b"a,b,push",
    "dave": b"x" * 128,
}


@dataclass(frozen=True)
class Subject:
    """A Primary, and how to cut it off from whatever it asks."""

    primary: Primary
    disconnect: Callable[[], None]


Make = Callable[[Path], Iterator[Subject]]
SUBJECTS: dict[str, Make] = {}


def subject(name: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        SUBJECTS[name] = make
        return make

    return register


@subject("memory")
def _memory(directory: Path) -> Iterator[Subject]:
    primary = MemoryPrimary(USERS)

    def disconnect() -> None:
        primary.is_reachable = False

    yield Subject(primary, disconnect)


@subject("radius")
def _radius(directory: Path) -> Iterator[Subject]:
    with FreeRadius(directory, [User(name, password) for name, password in USERS.items()]) as peer:
        hosts = (UpstreamHost("127.0.0.1", peer.port, Secret(peer.secret)),)
        client = UpstreamClient(
            RadiusClientSettings("radius_client", hosts, 1, 0.2), reactor, reactor, reactor.nameResolver
        )
        yield Subject(RadiusPrimary(client, PassThrough(Dictionary(()))), peer.stop)
        client.close()


@pytest.fixture(params=sorted(SUBJECTS))
def tested(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    yield from SUBJECTS[request.param](tmp_path)


def login(username: str) -> AuthRequest:
    return AuthRequest("ID", "radius_server_auto", username, b"", "192.0.2.1", None, Trail(time.monotonic))


@pytest_twisted.ensureDeferred
async def test_right_password_gives_the_identity(tested: Subject) -> None:
    for name, password in USERS.items():
        who = await tested.primary.check(login(name), password)
        assert isinstance(who, Identity)
        assert who.username == name


@pytest_twisted.ensureDeferred
async def test_wrong_password_is_denied(tested: Subject) -> None:
    for name, password in USERS.items():
        for wrong in (password[:-1], password[:-1] + b"~", password.upper(), b"\xff\xfe", b"\0", b"," + password):
            denied = await tested.primary.check(login(name), wrong)
            assert isinstance(denied, Denied), (name, wrong)
            assert denied.reason in (Reason.BAD_PASSWORD, Reason.REJECTED_UPSTREAM)


@pytest_twisted.ensureDeferred
async def test_empty_password_is_denied_whoever_asks_and_nobody_is_asked(tested: Subject) -> None:
    tested.disconnect()
    for name in (*USERS, "nobody"):
        denied = await tested.primary.check(login(name), b"")
        assert isinstance(denied, Denied)
        assert denied.reason is Reason.EMPTY_PASSWORD


@pytest.mark.parametrize(
    "name", ["nobody", "", " anna", "anna*", "ann*", "anna)(uid=*", "n" * 300, "anna\0", "\udcff"]
)
@pytest_twisted.ensureDeferred
async def test_unknown_or_odd_name_is_denied(tested: Subject, name: str) -> None:
    denied = await tested.primary.check(login(name), USERS["anna"])
    assert isinstance(denied, Denied)
    assert denied.reason in (Reason.UNKNOWN_USER, Reason.REJECTED_UPSTREAM, Reason.BAD_PASSWORD)


@pytest_twisted.ensureDeferred
async def test_nobody_is_judged_when_nobody_answers(tested: Subject) -> None:
    tested.disconnect()
    with pytest.raises(PrimaryUnavailable):
        await tested.primary.check(login("anna"), USERS["anna"])


@pytest_twisted.ensureDeferred
async def test_the_appliance_is_believed_whatever_the_field_holds() -> None:
    for password in (b"", b"123456", b"anything"):
        assert await AppliancePrimary().check(login("anna"), password) == Identity("anna")
