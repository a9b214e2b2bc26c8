"""One contract, kept by the embedded second factor, its twin in memory, and one that asks a remote service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.model import SUCCESS, Allowed, Choice, Factor, Prompt, Reason, Refused, SecondFactor, Verdict
from authproxy.secondfactor.memory import MemorySecondFactor, MemoryUser
from authproxy.secondfactor.pushes import PushStatus
from tests.remote.fake_cloud import FakeCloud, FakeUser, device
from tests.remote.remote_site import RemoteSite
from tests.secondfactor.local_service import LocalService, ask, request, totp, who


@dataclass
class Subject:
    """A second factor that knows alice (active, with ``code``), bob (bypass) and carol (disabled)."""

    second_factor: SecondFactor
    code: str
    decide: Callable[[bool], Deferred[None]]
    coarse: Mapping[Reason, Reason] = field(default_factory=dict)  # where it is not told exactly why

    def reason(self, exact: Reason) -> Reason:
        return self.coarse.get(exact, exact)


def _local(tmp_path: Path) -> tuple[Subject, LocalService]:
    service = LocalService(tmp_path)
    service.add_device(service.add_user())
    service.add_user("bob", status="bypass")
    service.add_user("carol", status="disabled")

    async def decide(approve: bool) -> None:
        for _ in range(3):
            await service.writer.run(lambda connection: None)
        push_id = service.value("SELECT id FROM pushes WHERE status = 'pending'")
        await service.pushes.decide(push_id, PushStatus.APPROVED if approve else PushStatus.DENIED, "test")

    subject = Subject(service.second_factor(), totp(), lambda approve: Deferred.fromCoroutine(decide(approve)))
    return subject, service


def _remote(tmp_path: Path) -> tuple[Subject, FakeCloud, RemoteSite]:
    cloud = FakeCloud()
    phone = device("DPAAAAAAAAAAAAAAAAAA", "", "push")
    cloud.users["alice"] = cloud.users["CORP\\Alice"] = FakeUser(codes={totp()}, devices=[phone])
    cloud.users["bob"] = FakeUser("allow", SUCCESS)
    cloud.users["carol"] = FakeUser("deny", "Your account is disabled.")
    pytest_twisted.blockon(cloud.start())
    site = RemoteSite(cloud, tmp_path)

    async def decide(approve: bool) -> None:
        await cloud.until("auth_status")
        cloud.decide(*("allow", "allow") if approve else ("deny", "deny"))

    coarse = {Reason.USER_DISABLED: Reason.SERVICE_DENIED, Reason.REUSED_PASSCODE: Reason.BAD_PASSCODE}
    subject = Subject(
        site.second_factor(), totp(), lambda approve: Deferred.fromCoroutine(decide(approve)), coarse
    )
    return subject, cloud, site


@pytest.fixture(params=["local", "memory", "remote"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "local":
        subject, service = _local(tmp_path)
        yield subject
        pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))
        return
    if request.param == "remote":
        subject, cloud, site = _remote(tmp_path)
        yield subject
        pytest_twisted.blockon(site.close())
        pytest_twisted.blockon(cloud.stop())
        return
    users = {
        "alice": MemoryUser(codes={totp()}),
        "bob": MemoryUser("bypass"),
        "carol": MemoryUser("disabled"),
    }
    memory = MemorySecondFactor(users)

    async def decide(approve: bool) -> None:
        assert memory.decide("alice", approve) == 1

    yield Subject(memory, totp(), lambda approve: Deferred.fromCoroutine(decide(approve)))


def refusal(verdict: Verdict) -> Reason:
    assert isinstance(verdict, Refused), verdict
    assert verdict.message
    return verdict.reason


@pytest_twisted.ensureDeferred
async def test_a_passcode_is_good_once(subject: Subject) -> None:
    begin = subject.second_factor.begin
    first = await begin(who("CORP\\Alice"), ask(subject.code), request())
    assert isinstance(first, Allowed)
    assert first.factor == "passcode"
    again = await begin(who(), ask(subject.code), request())
    assert refusal(again) is subject.reason(Reason.REUSED_PASSCODE)
    assert refusal(await begin(who(), ask("000000"), request())) is Reason.BAD_PASSCODE


@pytest_twisted.ensureDeferred
async def test_statuses_come_before_factors(subject: Subject) -> None:
    begin = subject.second_factor.begin
    bob = await begin(who("bob"), ask("000000"), request("bob"))
    assert isinstance(bob, Allowed)
    assert bob.factor in ("bypass status", "service policy")
    carol = await begin(who("carol"), ask(subject.code), request("carol"))
    assert refusal(carol) is subject.reason(Reason.USER_DISABLED)
    assert refusal(await begin(who("nobody"), ask(None), request("nobody"))) is Reason.NOT_ENROLLED


@pytest.mark.parametrize("approve", [True, False])
@pytest_twisted.ensureDeferred
async def test_a_push_is_decided_by_its_answer(subject: Subject, approve: bool) -> None:
    waiting = Deferred.fromCoroutine(subject.second_factor.begin(who(), ask(None), request()))  # type: ignore[arg-type]
    await subject.decide(approve)
    verdict = await waiting
    if approve:
        assert isinstance(verdict, Allowed)
        assert verdict.factor == "push"
    else:
        assert refusal(verdict) is Reason.PUSH_DENIED


@pytest_twisted.ensureDeferred
async def test_factors_that_are_not_there_are_refused(subject: Subject) -> None:
    begin = subject.second_factor.begin
    phone = await begin(who(), ask(Choice(Factor.PHONE)), request())
    assert refusal(phone) is Reason.FACTOR_NOT_AVAILABLE
    push = await begin(who(), ask(Choice(Factor.PUSH), (Factor.PASSCODE,)), request())
    assert refusal(push) is Reason.FACTOR_NOT_ALLOWED
    nothing = await begin(who(), ask(None, (Factor.PASSCODE,)), request())
    assert refusal(nothing) is Reason.NO_PASSCODE


@pytest_twisted.ensureDeferred
async def test_a_prompt_is_answered_with_its_resume(subject: Subject) -> None:
    second_factor = subject.second_factor
    prompt = await second_factor.begin(who(), ask(None, can_prompt=True), request())
    assert isinstance(prompt, Prompt)
    again = await second_factor.answer(who(), prompt.resume, "?", request())
    assert isinstance(again, Prompt)
    verdict = await second_factor.answer(who(), again.resume, subject.code, request())
    assert isinstance(verdict, Allowed)


@pytest_twisted.ensureDeferred
async def test_senseless_answers_end_the_challenge(subject: Subject) -> None:
    second_factor = subject.second_factor
    verdict = await second_factor.begin(who(), ask(None, can_prompt=True), request())
    prompts = 0
    while isinstance(verdict, Prompt):
        prompts += 1
        verdict = await second_factor.answer(who(), verdict.resume, "?", request())
    assert prompts == 3
    assert refusal(verdict) is Reason.NO_PASSCODE
