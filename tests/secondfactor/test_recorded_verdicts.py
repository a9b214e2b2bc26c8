"""A verdict that is reached in the store and the login's record: on disk together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from authproxy.authenticator import Authenticator
from authproxy.deadlines import Deadlines
from authproxy.model import Accept, AuthRequest, Identity, LoginRecord, Outcome, Primary, Reject
from authproxy.policy import Rules
from authproxy.primary.none import AppliancePrimary
from authproxy.store.journal import StoreJournal, find_logins
from authproxy.store.memory import MemoryChallenges
from authproxy.store.statements import Connection
from authproxy.typed import WholeFactor
from tests.secondfactor.local_service import LocalService, request, totp


class Doubtful:
    """A Primary that isn't sure whose password it was."""

    async def check(self, request: AuthRequest, password: bytes) -> Identity:
        return Identity(request.username, doubt="the inner name was not told")


class Site:
    """The pipeline on a real database; the appliance has checked the password."""

    def __init__(self, state_dir: Path) -> None:
        self.service = LocalService(state_dir)
        self.announced: list[LoginRecord] = []
        self.deadlines = Deadlines(reactor, 10)  # type: ignore[arg-type]
        self.authenticator = Authenticator(
            Rules(),
            WholeFactor(),
            AppliancePrimary(),
            self.service.second_factor(),
            MemoryChallenges(60, self.service.now),
            StoreJournal(self.service.writer),
            self.announced.append,
            self.deadlines,
            self.service.now,
        )

    def login(self, code: str, primary: Primary | None = None) -> Deferred[Outcome]:
        asked = request()
        typed = AuthRequest(
            asked.login_id, asked.section, "alice", code.encode(), asked.nas, asked.client_ip, asked.trail
        )
        return Deferred.fromCoroutine(self.authenticator.start(typed, primary))

    def journal(self) -> list[LoginRecord]:
        with self.service.database.reading() as connection:
            return list(find_logins(connection))

    async def stop(self) -> None:
        self.deadlines.close()
        await self.service.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.service.add_device(site.service.add_user())
    yield site
    pytest_twisted.blockon(Deferred.fromCoroutine(site.stop()))


@pytest_twisted.ensureDeferred
async def test_a_passcode_and_the_record_of_its_login_are_one_commit(site: Site) -> None:
    assert isinstance(await site.login(totp()), Accept)
    assert site.service.writer.commits == 1
    assert site.journal() == site.announced
    (login,) = site.announced
    assert (login.result, login.factor, login.device) == ("accept", "passcode", "phone 1")
    assert [(step.stage, step.result) for step in login.steps] == [("primary", "ok"), ("second factor", "allowed")]


@pytest_twisted.ensureDeferred
async def test_a_wrong_passcode_is_recorded_with_the_strike_it_counts_as(site: Site) -> None:
    assert isinstance(await site.login("000000"), Reject)
    assert site.service.writer.commits == 1
    assert [login.reason for login in site.journal()] == ["wrong passcode"]
    assert site.service.value("SELECT failures FROM users") == 1


@pytest.mark.parametrize(("status", "result"), [("bypass", "accept"), ("disabled", "reject")])
@pytest_twisted.ensureDeferred
async def test_a_login_that_the_users_status_decides_is_recorded_in_the_same_commit(
    site: Site, status: str, result: str
) -> None:
    site.service.change(f"UPDATE users SET status = '{status}'")
    await site.login("push")
    assert site.service.writer.commits == 1
    assert site.journal() == site.announced
    assert [login.result for login in site.announced] == [result]


@pytest_twisted.ensureDeferred
async def test_who_is_let_through_by_status_is_refused_when_that_can_not_be_recorded(site: Site) -> None:
    site.service.change("UPDATE users SET status = 'bypass'")
    site.service.change("ALTER TABLE logins RENAME TO elsewhere")
    assert isinstance(await site.login("push"), Reject)
    assert site.service.value("SELECT last_login FROM users") is None


@pytest_twisted.ensureDeferred
async def test_a_login_whose_neighbor_in_the_transaction_fails_is_recorded_once(site: Site) -> None:
    def fail(connection: Connection) -> None:
        raise ValueError("a bug")

    def failing() -> Deferred[None]:
        return site.service.writer.run(fail).addErrback(lambda failure: None)

    together = [failing(), site.login(totp()), failing()]
    _, outcome, _ = await gatherResults(together)
    assert isinstance(outcome, Accept)
    assert [login.result for login in site.journal()] == ["accept"]


@pytest_twisted.ensureDeferred
async def test_a_code_is_not_used_up_by_a_login_that_can_not_be_recorded(site: Site) -> None:
    site.service.change("ALTER TABLE logins RENAME TO elsewhere")
    assert isinstance(await site.login(totp()), Reject)
    assert site.service.value("SELECT last_step FROM devices") is None
    site.service.change("ALTER TABLE elsewhere RENAME TO logins")
    assert isinstance(await site.login(totp()), Accept)


@pytest_twisted.ensureDeferred
async def test_what_is_recorded_of_a_doubtful_user_let_through_is_the_refusal_he_gets(site: Site) -> None:
    site.service.change("UPDATE users SET status = 'bypass'")
    assert isinstance(await site.login(totp(), Doubtful()), Reject)
    assert site.journal() == site.announced
    assert [login.result for login in site.journal()] == ["reject"]
