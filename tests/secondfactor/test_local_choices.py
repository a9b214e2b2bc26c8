"""What the embedded second factor does with a factor's name, with nothing, and with answers to its menu."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred

from authproxy.model import AUTO, Allowed, Choice, Factor, Prompt, Reason, Refused, Typed, Verdict
from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.wording import APPEND_PASSCODE, USE_PASSCODE
from tests.secondfactor.local_service import ACCESS_DENIED, FACTORS, LocalService, ask, request, totp, who

ONLY_PASSCODE = (Factor.PASSCODE,)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path)
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


def begin(
    service: LocalService, typed: Typed | str | None, username: str = "alice", **asked: Any
) -> Deferred[Verdict]:
    verdict = service.second_factor("vpn").begin(who(username), ask(typed, **asked), request(username))
    return Deferred.fromCoroutine(verdict)


async def only_push(service: LocalService) -> str:
    """The ID of the one pending push, once it is there."""
    for _ in range(3):
        await service.writer.run(lambda connection: None)
    found = service.value("SELECT id FROM pushes WHERE status = 'pending'")
    assert isinstance(found, str)
    return found


# ---------------------------------------------------------------- push


@pytest.mark.parametrize("typed", [None, AUTO, Choice(Factor.PUSH)])
@pytest_twisted.ensureDeferred
async def test_an_approved_push_lets_in(service: LocalService, typed: Typed | None) -> None:
    service.add_user(failures=3)
    verdict = begin(service, typed)
    await service.pushes.decide(await only_push(service), PushStatus.APPROVED, "test")
    assert await verdict == Allowed("push")
    assert service.value("SELECT application FROM pushes") == "vpn"
    assert service.value("SELECT failures FROM users") == 0
    assert service.value("SELECT last_login FROM users") == service.now()


@pytest.mark.parametrize(
    ("status", "reason"), [(PushStatus.DENIED, Reason.PUSH_DENIED), (PushStatus.FRAUD, Reason.PUSH_FRAUD)]
)
@pytest_twisted.ensureDeferred
async def test_a_refused_push_keeps_out(service: LocalService, status: PushStatus, reason: Reason) -> None:
    service.add_user()
    verdict = begin(service, Choice(Factor.PUSH))
    await service.pushes.decide(await only_push(service), status, "test")
    found = await verdict
    assert isinstance(found, Refused)
    assert (found.reason, found.message, found.factor) == (reason, ACCESS_DENIED, "push")


@pytest_twisted.ensureDeferred
async def test_a_login_whose_deadline_passes_withdraws_its_push(service: LocalService) -> None:
    service.add_user()
    verdict = begin(service, Choice(Factor.PUSH))
    await only_push(service)
    verdict.cancel()
    with pytest.raises(CancelledError):
        await verdict
    await service.writer.run(lambda connection: None)
    assert service.value("SELECT status FROM pushes") == "cancelled"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE users SET status = 'disabled'", Reason.USER_DISABLED),
        ("UPDATE users SET locked_until = 9e9", Reason.USER_LOCKED_OUT),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_happens_to_the_user_while_the_push_is_pending_counts(
    service: LocalService, change: str, reason: Reason
) -> None:
    service.add_user()
    verdict = begin(service, Choice(Factor.PUSH))
    push_id = await only_push(service)
    service.change(change)
    await service.pushes.decide(push_id, PushStatus.APPROVED, "test")
    found = await verdict
    assert isinstance(found, Refused)
    assert found.reason is reason


@pytest_twisted.ensureDeferred
async def test_a_second_push_device_is_not_there(service: LocalService) -> None:
    service.add_user()
    found = await begin(service, Choice(Factor.PUSH, 2))
    assert isinstance(found, Refused)
    assert found.reason is Reason.FACTOR_NOT_AVAILABLE


# ---------------------------------------------------------------- what the user reads


@pytest.mark.parametrize(
    ("typed", "factors", "message", "reason"),
    [
        (Choice(Factor.PHONE), FACTORS, USE_PASSCODE, Reason.FACTOR_NOT_AVAILABLE),
        (Choice(Factor.SMS), (*FACTORS, Factor.SMS), USE_PASSCODE, Reason.FACTOR_NOT_AVAILABLE),
        (Choice(Factor.PUSH), ONLY_PASSCODE, ACCESS_DENIED, Reason.FACTOR_NOT_ALLOWED),
        (AUTO, ONLY_PASSCODE, APPEND_PASSCODE, Reason.NO_PASSCODE),
        (None, ONLY_PASSCODE, APPEND_PASSCODE, Reason.NO_PASSCODE),
        ("000000", FACTORS, ACCESS_DENIED, Reason.BAD_PASSCODE),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_refusal_reads_the_same_whether_the_user_exists_or_not(
    service: LocalService, typed: Typed | str | None, factors: tuple[Factor, ...], message: str, reason: Reason
) -> None:
    service.add_user()
    service.add_user("disabled", status="disabled")
    service.add_user("locked", locked_until=9e9)
    reasons = []
    for name in ("alice", "disabled", "locked", "nobody"):
        found = await begin(service, typed, name, factors=factors)
        assert isinstance(found, Refused)
        assert found.message == message
        reasons.append(found.reason)
    assert reasons == [reason, Reason.USER_DISABLED, Reason.USER_LOCKED_OUT, Reason.NOT_ENROLLED]


@pytest_twisted.ensureDeferred
async def test_bypass_status_and_new_user_policy_need_no_factor(tmp_path: Path, service: LocalService) -> None:
    service.add_user(status="bypass")
    for can_prompt in (False, True):
        for typed in (None, Choice(Factor.PHONE), "000000"):
            assert await begin(service, typed, can_prompt=can_prompt) == Allowed("bypass status", is_given=False)
    (tmp_path / "open").mkdir()
    friendly = LocalService(tmp_path / "open", new_user_policy="allow")
    assert await begin(friendly, None, can_prompt=True) == Allowed("not enrolled", is_given=False)
    await friendly.stop()


# ---------------------------------------------------------------- the menu


async def prompted(service: LocalService, **asked: Any) -> Prompt:
    found = await begin(service, None, can_prompt=True, **asked)
    assert isinstance(found, Prompt)
    return found


def answer(service: LocalService, prompt: Prompt, reply: str) -> Deferred[Verdict]:
    found = service.second_factor("vpn").answer(who(), prompt.resume, reply, request())
    return Deferred.fromCoroutine(found)


@pytest_twisted.ensureDeferred
async def test_nothing_typed_brings_the_menu_where_it_can_be_shown(service: LocalService) -> None:
    service.add_device(service.add_user())
    prompt = await prompted(service)
    assert prompt.text.split("\n") == [
        "Two-factor login for alice",
        "",
        "Enter a passcode or select one of the following options:",
        "",
        " 1. Push to your device",
        "",
        "Passcode or option (1-1)",
    ]
    assert await answer(service, prompt, totp()) == Allowed("passcode", device="phone 1")


@pytest.mark.parametrize("reply", ["1", "push", " PUSH "])
@pytest_twisted.ensureDeferred
async def test_an_option_of_the_menu_sends_the_push(service: LocalService, reply: str) -> None:
    service.add_user()
    verdict = answer(service, await prompted(service), reply)
    await service.pushes.decide(await only_push(service), PushStatus.APPROVED, "test")
    assert await verdict == Allowed("push")


@pytest_twisted.ensureDeferred
async def test_answers_that_mean_nothing_are_asked_again_twice(service: LocalService) -> None:
    service.add_user()
    prompt = await prompted(service)
    for reply in ("7", "what?"):
        again = await answer(service, prompt, reply)
        assert isinstance(again, Prompt)
        assert again.text == prompt.text
        prompt = again
    last = await answer(service, prompt, "")
    assert isinstance(last, Refused)
    assert last.reason is Reason.NO_PASSCODE


@pytest_twisted.ensureDeferred
async def test_wrong_codes_and_factors_that_are_not_there_end_the_challenge(service: LocalService) -> None:
    service.add_user()
    prompt = await prompted(service)
    for reply, reason in [
        ("000000", Reason.BAD_PASSCODE),
        ("phone", Reason.FACTOR_NOT_AVAILABLE),
        ("sms", Reason.FACTOR_NOT_ALLOWED),
        ("push2", Reason.FACTOR_NOT_AVAILABLE),
    ]:
        found = await answer(service, prompt, reply)
        assert isinstance(found, Refused)
        assert found.reason is reason


@pytest_twisted.ensureDeferred
async def test_the_menu_of_a_passcode_only_section_asks_for_the_passcode(service: LocalService) -> None:
    service.add_user()
    prompt = await prompted(service, factors=ONLY_PASSCODE)
    assert prompt.text == "Two-factor login for alice\n\nEnter a passcode"
    again = await answer(service, prompt, "1")
    assert isinstance(again, Prompt)


@pytest.mark.parametrize("values", [{"status": "disabled"}, {"locked_until": 9e9}])
@pytest_twisted.ensureDeferred
async def test_who_cannot_get_in_is_prompted_like_a_user_without_a_phone(
    service: LocalService, values: dict[str, Any]
) -> None:
    service.add_user("bob")
    service.add_user(**values)
    normal = await begin(service, None, "bob", can_prompt=True)
    assert isinstance(normal, Prompt)
    for name in ("alice", "nobody"):
        prompt = await begin(service, None, name, can_prompt=True)
        assert isinstance(prompt, Prompt)
        assert (prompt.text.replace(name, "bob"), prompt.resume) == (normal.text, normal.resume)
        for reply in ("1", "push", "123456"):
            found = await service.second_factor("vpn").answer(who(name), prompt.resume, reply, request(name))
            assert isinstance(found, Refused)
            assert found.message == ACCESS_DENIED


@pytest.mark.parametrize(
    "name", ["", " ", "\\", "@", "al\udc80ice", "a\x00b", "\u202ealice", "x" * 253, "%", "' OR 1=1 --"]
)
@pytest_twisted.ensureDeferred
async def test_a_strange_name_is_an_unknown_user(service: LocalService, name: str) -> None:
    service.add_user()
    for typed in (None, "000000", Choice(Factor.PUSH)):
        found = await begin(service, typed, name)
        assert isinstance(found, Refused)
        assert found.reason is Reason.NOT_ENROLLED


@pytest.mark.parametrize(
    "reply", ["\udc80", "\x00", "9" * 4000, "c" * 44, "push" * 100, "１２３４５６", "push0", "push99"]
)
@pytest_twisted.ensureDeferred
async def test_a_strange_answer_lets_nobody_in(service: LocalService, reply: str) -> None:
    service.add_user()
    assert isinstance(await answer(service, await prompted(service), reply), Prompt | Refused)


@pytest_twisted.ensureDeferred
async def test_the_trail_says_at_once_whom_the_login_waits_for(service: LocalService) -> None:
    service.add_user()
    asked = request()
    waiting = Deferred.fromCoroutine(service.second_factor("vpn").begin(who(), ask(None), asked))
    await service.writer.run(lambda connection: None)
    assert [(step.stage, step.result) for step in asked.trail.steps] == [("push", "asked")]
    assert "no phone of the user takes pushes" in asked.trail.steps[0].detail
    waiting.cancel()
    with pytest.raises(CancelledError):
        await waiting
