"""Pushes: asked once, joined, decided once by anybody, expired, given up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock, deferLater

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor import phones, users
from authproxy.secondfactor.fraud import FraudDesk
from authproxy.secondfactor.gateways import FraudReport
from authproxy.secondfactor.push import POLL_SECONDS, PushDesk
from authproxy.secondfactor.pushes import (
    Decided,
    NoSuchPush,
    Push,
    PushEnd,
    PushMode,
    PushRequest,
    PushStatus,
    Target,
    TooLate,
    TooMany,
    decide_push,
    pending_pushes,
)
from authproxy.secondfactor.wakeup import listen, poke, socket_path
from tests.secondfactor.local_service import NOW, LocalService


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[LocalService]:
    service = LocalService(tmp_path, clock, push_limit=0)
    service.add_user()
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


def ask_push(
    service: LocalService, client_ip: str = "198.51.100.7", user: str = "alice", whence: str = ""
) -> Deferred[PushEnd]:
    request = PushRequest(
        f"US{user.upper()}", user, "vpn", client_ip, "192.0.2.1", "LOGIN", whence=whence or client_ip
    )
    return service.pushes.begin(request)


async def settled(service: LocalService) -> None:
    """Waits until the writer has done everything it was asked for."""
    await service.writer.run(lambda connection: None)


async def pending(service: LocalService) -> list[Push]:
    await settled(service)
    with service.database.reading() as connection:
        return pending_pushes(connection, service.now())


def decide(service: LocalService, push_id: str, status: PushStatus = PushStatus.APPROVED) -> object:
    """As a command in another process does."""
    with service.database.writing() as connection:
        return decide_push(connection, push_id, status, "root", service.now())


async def tick(service: LocalService, clock: Clock, seconds: float) -> None:
    service.now.now += seconds
    clock.advance(seconds)
    await settled(service)


@pytest_twisted.ensureDeferred
async def test_a_pending_push_shows_who_asks_for_what(service: LocalService) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    assert push == Push(push.id, "USALICE", "alice", "vpn", "198.51.100.7", "192.0.2.1", "LOGIN", NOW, NOW + 60)
    assert await service.pushes.decide(push.id, PushStatus.APPROVED, "test") == Decided(PushStatus.APPROVED)
    assert await waiting is PushStatus.APPROVED
    assert await pending(service) == []
    assert service.value("SELECT decided_by FROM pushes") == "test"
    assert service.pushes.pending() == 0


@pytest.mark.parametrize("status", [PushStatus.APPROVED, PushStatus.DENIED, PushStatus.FRAUD])
@pytest_twisted.ensureDeferred
async def test_a_decision_of_another_process_arrives_by_wakeup_and_is_final(
    service: LocalService, status: PushStatus
) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    assert decide(service, push.id.lower(), status) == Decided(status)
    service.pushes.wake([push.id])
    assert await waiting is status
    assert decide(service, push.id, PushStatus.APPROVED) == TooLate(status)
    assert await service.pushes.decide(push.id, PushStatus.APPROVED, "x") == TooLate(status)


@pytest_twisted.ensureDeferred
async def test_a_decision_nobody_told_of_is_found_within_half_a_second(
    service: LocalService, clock: Clock
) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    decide(service, push.id)
    await tick(service, clock, POLL_SECONDS)
    assert await waiting is PushStatus.APPROVED


@pytest_twisted.ensureDeferred
async def test_a_wakeup_without_a_decision_changes_nothing(service: LocalService) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    service.pushes.wake([push.id, "UNKNOWN"])
    await settled(service)
    assert not waiting.called
    assert decide(service, push.id) == Decided(PushStatus.APPROVED)
    service.pushes.wake([push.id])
    assert await waiting is PushStatus.APPROVED


@pytest_twisted.ensureDeferred
async def test_the_same_login_again_joins_the_pending_push(service: LocalService) -> None:
    first, again = ask_push(service), ask_push(service)
    other = ask_push(service, client_ip="203.0.113.9")
    pushes = await pending(service)
    assert [push.client_ip for push in pushes] == ["198.51.100.7", "203.0.113.9"]
    await service.pushes.decide(pushes[0].id, PushStatus.APPROVED, "test")
    assert (await first, await again) == (PushStatus.APPROVED, PushStatus.APPROVED)
    assert not other.called
    await service.pushes.decide(pushes[1].id, PushStatus.DENIED, "test")
    assert await other is PushStatus.DENIED
    new = ask_push(service)
    assert len(await pending(service)) == 1
    new.cancel()
    with pytest.raises(CancelledError):
        await new


@pytest_twisted.ensureDeferred
async def test_without_an_address_the_session_is_what_logins_have_in_common(service: LocalService) -> None:
    first, again = (ask_push(service, client_ip="", whence="port 1") for _ in range(2))
    other = ask_push(service, client_ip="", whence="port 2")
    mine, others = await pending(service)
    await service.pushes.decide(mine.id, PushStatus.APPROVED, "test")
    assert (await first, await again) == (PushStatus.APPROVED, PushStatus.APPROVED)
    assert not other.called
    await service.pushes.decide(others.id, PushStatus.DENIED, "test")
    assert await other is PushStatus.DENIED


@pytest_twisted.ensureDeferred
async def test_who_comes_from_nowhere_known_never_joins_a_push(service: LocalService) -> None:
    """Whoever stole the password may log in at the same moment, through the same appliance."""
    owner, thief = ask_push(service, client_ip=""), ask_push(service, client_ip="")
    first, second = await pending(service)
    await service.pushes.decide(first.id, PushStatus.APPROVED, "test")
    assert await owner is PushStatus.APPROVED
    assert not thief.called
    await service.pushes.decide(second.id, PushStatus.DENIED, "test")
    assert await thief is PushStatus.DENIED


@pytest_twisted.ensureDeferred
async def test_a_push_expires_and_cannot_be_approved_then(service: LocalService, clock: Clock) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    service.now.now += 60
    assert decide(service, push.id) == TooLate(PushStatus.EXPIRED)
    assert await service.pushes.decide(push.id, PushStatus.APPROVED, "x") == TooLate(PushStatus.EXPIRED)
    clock.advance(60)
    assert await waiting is PushStatus.EXPIRED
    assert service.value("SELECT status FROM pushes") == "expired"


@pytest_twisted.ensureDeferred
async def test_an_approval_in_the_last_moment_counts(service: LocalService, clock: Clock) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    service.now.now += 59.9
    assert decide(service, push.id) == Decided(PushStatus.APPROVED)
    clock.advance(60)  # nobody told of it, and now it is due
    assert await waiting is PushStatus.APPROVED


@pytest_twisted.ensureDeferred
async def test_a_push_is_withdrawn_when_the_last_login_gives_up(service: LocalService) -> None:
    first, again = ask_push(service), ask_push(service)
    (push,) = await pending(service)
    first.cancel()
    with pytest.raises(CancelledError):
        await first
    assert len(await pending(service)) == 1
    again.cancel()
    with pytest.raises(CancelledError):
        await again
    assert await pending(service) == []
    assert decide(service, push.id) == TooLate(PushStatus.CANCELLED)
    assert service.pushes.pending() == 0


@pytest_twisted.ensureDeferred
async def test_a_push_of_a_deleted_user_is_cancelled(service: LocalService) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    service.change("DELETE FROM users")
    assert decide(service, push.id) == NoSuchPush()
    service.pushes.wake([push.id])
    assert await waiting is PushStatus.CANCELLED


@pytest_twisted.ensureDeferred
async def test_a_push_that_cannot_be_stored_fails_all_who_wait(service: LocalService) -> None:
    await settled(service)
    (service.state_dir / "authproxy.db").unlink()
    first, again = ask_push(service), ask_push(service)
    for waiting in (first, again):
        with pytest.raises(StoreUnavailable):
            await waiting
    assert service.pushes.pending() == 0


@pytest_twisted.ensureDeferred
async def test_a_restart_closes_what_had_expired(service: LocalService) -> None:
    waiting = ask_push(service)
    await settled(service)
    service.now.now += 61
    service.pushes.start()
    await settled(service)
    assert service.value("SELECT status FROM pushes") == "expired"
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    await settled(service)


@pytest_twisted.ensureDeferred
async def test_two_approvers_at_once_one_decides(service: LocalService) -> None:
    waiting = ask_push(service)
    (push,) = await pending(service)
    results = await gatherResults(
        [
            Deferred.fromCoroutine(service.pushes.decide(push.id, status, "x"))
            for status in (PushStatus.DENIED, PushStatus.APPROVED, PushStatus.FRAUD)
        ]
    )
    assert results == [Decided(PushStatus.DENIED), TooLate(PushStatus.DENIED), TooLate(PushStatus.DENIED)]
    assert await waiting is PushStatus.DENIED


# ---------------------------------------------------------------- phones, limits, fraud


def to_phone(service: LocalService, phone_id: str, **target: Any) -> PushRequest:
    asked = Target(phone_id, "your phone", **target)
    return PushRequest(
        "USALICE", "alice", "vpn", "198.51.100.7", "192.0.2.1", "LOGIN", asked, whence="198.51.100.7"
    )


@pytest_twisted.ensureDeferred
async def test_a_phone_is_notified_after_the_commit_and_told_of_the_end(service: LocalService) -> None:
    phone = service.add_phone("USALICE")
    waiting = service.pushes.begin(to_phone(service, phone, detail={"hostname": "db1"}))
    assert service.notifies.sent == []
    (push,) = await pending(service)
    assert service.notifies.sent == [push]
    assert (push.phone_id, push.detail) == (phone, '{"hostname": "db1"}')
    with service.database.reading() as connection:
        assert pending_pushes(connection, NOW, phone) == [push]
        assert pending_pushes(connection, NOW, "DPOTHER") == []
    waiting.cancel()
    with pytest.raises(CancelledError):
        await waiting
    assert service.notifies.over == [(push.id, PushStatus.CANCELLED)]


@pytest_twisted.ensureDeferred
async def test_logins_with_other_phones_or_other_details_are_asked_by_themselves(service: LocalService) -> None:
    phones = [service.add_phone("USALICE") for _ in range(2)]
    asked = [to_phone(service, phone) for phone in phones]
    asked += [to_phone(service, phones[0], detail={"pushinfo": amount}) for amount in ("10", "10", "10000")]
    waiting = [service.pushes.begin(request) for request in asked]
    assert len(await pending(service)) == 4
    await approve_all(service)
    assert await gatherResults(waiting) == [PushStatus.APPROVED] * 5


@pytest_twisted.ensureDeferred
async def test_a_push_with_a_number_is_never_joined(service: LocalService) -> None:
    phone = service.add_phone("USALICE")
    numbered = [to_phone(service, phone, mode=PushMode.NUMBER, answer=number) for number in ("11", "22")]
    opened = await service.pushes.open(numbered[0])
    assert isinstance(opened, Push)
    waiting = [service.pushes.begin(request) for request in (*numbered, to_phone(service, phone))]
    assert len(await pending(service)) == 4
    await service.pushes.decide(opened.id, PushStatus.APPROVED, "phone", "11")
    await settled(service)
    assert not any(each.called for each in waiting)
    await approve_all(service)
    assert await gatherResults(waiting) == [PushStatus.APPROVED] * 3


async def approve_all(service: LocalService) -> None:
    for push in await pending(service):
        await service.pushes.decide(push.id, PushStatus.APPROVED, "test", push.answer)


@pytest.mark.parametrize("change", ["phone deleted", "phone taken away", "user disabled"])
@pytest_twisted.ensureDeferred
async def test_what_an_administrator_ends_can_not_be_approved(
    service: LocalService, clock: Clock, change: str
) -> None:
    phone_id = service.add_phone("USALICE")
    waiting = service.pushes.begin(to_phone(service, phone_id))
    (push,) = await pending(service)
    with service.database.writing() as connection:
        user = users.find_user(connection, "alice", "simple")
        match change:
            case "phone deleted":
                phones.delete_phone(connection, phones.find_phone(connection, phone_id))
            case "phone taken away":
                phones.unassign(connection, phone_id, user)
            case _:
                users.change_user(connection, user, {"status": "disabled"})
    assert decide(service, push.id) == TooLate(PushStatus.CANCELLED)
    await tick(service, clock, POLL_SECONDS)
    assert await waiting is PushStatus.CANCELLED


@pytest_twisted.ensureDeferred
async def test_pushes_that_are_not_approved_are_limited(tmp_path: Path) -> None:
    (tmp_path / "limited").mkdir()
    clock = Clock()
    service = LocalService(tmp_path / "limited", clock, push_limit=2, push_limit_seconds=300)
    service.add_user()
    service.add_user("bob")
    for status in (PushStatus.DENIED, PushStatus.APPROVED, PushStatus.FRAUD):
        waiting = ask_push(service)
        (push,) = await pending(service)
        await service.pushes.decide(push.id, status, "test")
        assert await waiting is status
    assert await ask_push(service) == TooMany(2, 300)
    request = PushRequest("USALICE", "alice", "vpn", "", "", "LOGIN")
    assert await service.pushes.open(request) == TooMany(2, 300)
    assert service.pushes.pending() == 0
    other = ask_push(service, user="bob")
    (push,) = await pending(service)
    await service.pushes.decide(push.id, PushStatus.APPROVED, "test")
    assert await other is PushStatus.APPROVED
    await tick(service, clock, 301)
    later = ask_push(service)
    (push,) = await pending(service)
    await service.pushes.decide(push.id, PushStatus.APPROVED, "test")
    assert await later is PushStatus.APPROVED
    await service.stop()


@pytest_twisted.ensureDeferred
async def test_fraud_is_reported_once_whoever_waits(service: LocalService) -> None:
    waiting = [ask_push(service) for _ in range(3)]
    (push,) = await pending(service)
    decide(service, push.id, PushStatus.FRAUD)
    service.pushes.wake([push.id])
    assert await gatherResults(waiting) == [PushStatus.FRAUD] * 3
    assert service.frauds.reports == [FraudReport("USALICE", "alice", "vpn", "198.51.100.7", "LOGIN", "push")]


@pytest.mark.parametrize("locks", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_fraud_report_is_in_the_audit_log_and_may_lock_the_user(
    service: LocalService, locks: bool
) -> None:
    FraudDesk(service.writer, service.now, locks).raised(
        FraudReport("USALICE", "alice", "vpn", "198.51.100.7", "LOGIN", "push")
    )
    await settled(service)
    assert service.value("SELECT actor || ' ' || action FROM audit") == "user:alice fraud report"
    assert service.value("SELECT locked_until > 9e9 FROM users") == (1 if locks else None)


@pytest_twisted.ensureDeferred
async def test_a_push_opened_before_a_restart_is_waited_for_again(service: LocalService, clock: Clock) -> None:
    phone = service.add_phone("USALICE")
    opened = [
        await service.pushes.open(to_phone(service, phone, mode=PushMode.CODE, answer="1234")) for _ in range(2)
    ]
    desk = PushDesk(service.writer, clock, service.now, 60)  # of the next run
    first, second = opened
    assert isinstance(first, Push)
    assert isinstance(second, Push)
    ending = [Deferred.fromCoroutine(desk.ending(push.id)) for push in (first, second)]
    await settled(service)
    decide(service, first.id)
    await tick(service, clock, POLL_SECONDS)
    assert await ending[0] == (first, PushStatus.APPROVED)
    assert await desk.ending(first.id) == (first, PushStatus.APPROVED)
    assert await desk.ending("NOSUCHPUSH") is None
    await tick(service, clock, 60)
    assert await ending[1] == (second, PushStatus.EXPIRED)


@pytest_twisted.ensureDeferred
async def test_of_many_answers_of_phones_at_once_one_counts(service: LocalService) -> None:
    phone = service.add_phone("USALICE")
    options = ("11", "22", "33")
    opened = await service.pushes.open(
        to_phone(service, phone, mode=PushMode.NUMBER, options=options, answer="22")
    )
    assert isinstance(opened, Push)
    results = await gatherResults(
        [
            Deferred.fromCoroutine(service.pushes.decide(opened.id, PushStatus.APPROVED, "phone", number))
            for number in ("11", "22", "33", "22") * 25
        ]
    )
    assert results == [Decided(PushStatus.DENIED)] + [TooLate(PushStatus.DENIED)] * 99


# ---------------------------------------------------------------- across processes


APPROVE_ALL = """
import sys
from pathlib import Path
from authproxy.secondfactor.pushes import PushStatus, decide_push, pending_pushes
from authproxy.secondfactor.wakeup import poke
from authproxy.store.engine import Database
now = float(sys.argv[2])
state_dir = Path(sys.argv[1])
database = Database(f"sqlite:///{state_dir / 'authproxy.db'}")
with database.writing() as connection:
    ids = [push.id for push in pending_pushes(connection, now)]
    for push_id in ids:
        decide_push(connection, push_id, PushStatus.APPROVED, "root", now)
poke(state_dir, ids)
"""


@pytest_twisted.ensureDeferred
async def test_a_command_in_another_process_wakes_the_daemon(service: LocalService) -> None:
    """The desk's own clock stands still: only the datagram can bring the news."""
    port = listen(reactor, service.state_dir, service.pushes.wake)
    assert port is not None
    assert socket_path(service.state_dir).stat().st_mode & 0o777 == 0o600
    waiting = [ask_push(service, client_ip=str(n)) for n in range(700)]
    assert len(await pending(service)) == 700
    command = [sys.executable, "-c", APPROVE_ALL, str(service.state_dir), str(service.now())]
    running = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert set(await gatherResults(waiting)) == {PushStatus.APPROVED}
    assert running.wait(10) == 0
    assert running.stderr is not None
    running.stderr.close()
    await port.stopListening()


def test_poking_where_nobody_listens_does_no_harm(tmp_path: Path) -> None:
    poke(tmp_path, ["A"])
    socket_path(tmp_path).touch()
    poke(tmp_path, ["A"])
    assert socket_path(tmp_path).exists()


@pytest_twisted.ensureDeferred
async def test_garbage_at_the_socket_wakes_nobody_and_a_stale_socket_is_replaced(service: LocalService) -> None:
    socket_path(service.state_dir).touch()
    heard: list[str] = []
    port = listen(reactor, service.state_dir, heard.extend)
    assert port is not None
    poke(service.state_dir, ["x" * 5000, "GOOD", ""])
    for _ in range(100):
        if heard:
            break
        await deferLater(reactor, 0.01)
    assert "GOOD" in heard
    assert all(len(push_id) <= 40 for push_id in heard)
    service.pushes.wake(heard)
    await port.stopListening()


def test_a_path_too_long_for_a_socket_leaves_the_polling(tmp_path: Path) -> None:
    assert listen(reactor, tmp_path / ("d" * 120), lambda ids: None) is None


# ---------------------------------------------------------------- many


@pytest_twisted.ensureDeferred
async def test_ten_thousand_pending_pushes_are_each_answered_at_once(tmp_path: Path) -> None:
    """The whole figure, RADIUS included, is the benchmark's; here the desk's own share must be small."""
    (tmp_path / "many").mkdir()
    service = LocalService(tmp_path / "many", reactor, push_limit=0)
    service.add_user()
    waiting = [ask_push(service, client_ip=str(n)) for n in range(10_000)]
    assert len(await pending(service)) == 10_000
    latencies = []
    for push in (await pending(service))[:200]:
        decide(service, push.id)
        begun = time.process_time()
        service.pushes.wake([push.id])
        assert await waiting[int(push.client_ip)] is PushStatus.APPROVED
        latencies.append(time.process_time() - begun)
    assert sorted(latencies)[100] < 0.1  # of the processor, on which others are, too
    rest = [deferred for deferred in waiting if not deferred.called]
    assert len(rest) == service.pushes.pending() == 9_800
    for deferred in rest:
        deferred.addErrback(lambda failure: failure.trap(CancelledError))
        deferred.cancel()
    assert await pending(service) == []
    await service.stop()
