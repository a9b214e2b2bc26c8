"""Logins of users with phones: which phone is reached how, and what the user is shown on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.model import (
    AUTO,
    Allowed,
    Ask,
    Choice,
    Conversation,
    Factor,
    Passcode,
    Prompt,
    Reason,
    Refused,
    Typed,
    Verdict,
)
from authproxy.secondfactor.gateways import CallEnd, TextEnd
from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.wording import SMS_SENT, USE_PASSCODE
from tests.secondfactor.local_service import ACCESS_DENIED, LocalService, request, totp, who

EVERY = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE, Factor.SMS)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path, has_lines=True)
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


def begin(service: LocalService, typed: Typed | None, username: str = "alice", **asked: Any) -> Deferred[Verdict]:
    question = replace(Ask(typed, EVERY), **asked)
    verdict = service.second_factor("vpn").begin(who(username), question, request(username))
    return Deferred.fromCoroutine(verdict)


def answer(service: LocalService, prompt: Verdict, reply: str, username: str = "alice") -> Deferred[Verdict]:
    assert isinstance(prompt, Prompt), prompt
    found = service.second_factor("vpn").answer(who(username), prompt.resume, reply, request(username))
    return Deferred.fromCoroutine(found)


def reason(verdict: Verdict, message: str = ACCESS_DENIED) -> Reason:
    assert isinstance(verdict, Refused), verdict
    assert verdict.message == message
    return verdict.reason


async def approve(service: LocalService, entered: str = "") -> None:
    await service.pushes.decide(await service.only_push(), PushStatus.APPROVED, "phone", entered)


# ---------------------------------------------------------------- which phone


@pytest.mark.parametrize(("typed", "phone"), [(AUTO, 0), (Choice(Factor.PUSH), 0), (Choice(Factor.PUSH, 2), 1)])
@pytest_twisted.ensureDeferred
async def test_a_push_goes_to_the_phone_of_that_number(service: LocalService, typed: Typed, phone: int) -> None:
    user = service.add_user()
    landline = service.add_phone(user, app="", type="landline")
    phones = [service.add_phone(user), service.add_phone(user)]
    verdict = begin(service, typed)
    await approve(service)
    assert await verdict == Allowed("push", device=f"XXX-XXX-010{phones[phone][2:]}")
    assert service.value("SELECT phone_id FROM pushes") == phones[phone] != landline
    assert [push.phone_id for push in service.notifies.sent] == [phones[phone]]
    assert service.notifies.over == [(service.notifies.sent[0].id, PushStatus.APPROVED)]


@pytest_twisted.ensureDeferred
async def test_numbers_beyond_the_last_phone_reach_nobody(service: LocalService) -> None:
    service.add_phone(service.add_user())
    for typed in (Choice(Factor.PUSH, 2), Choice(Factor.PHONE, 2)):
        assert reason(await begin(service, typed)) is Reason.FACTOR_NOT_AVAILABLE
    assert reason(await begin(service, Choice(Factor.SMS, 2)), SMS_SENT) is Reason.FACTOR_NOT_AVAILABLE


@pytest_twisted.ensureDeferred
async def test_who_has_no_activated_phone_is_pushed_to_the_approver(service: LocalService) -> None:
    service.add_phone(service.add_user(), app="")
    verdict = begin(service, Choice(Factor.PUSH))
    await approve(service)
    assert await verdict == Allowed("push")
    assert service.value("SELECT phone_id FROM pushes") is None
    assert service.notifies.sent == []


@pytest_twisted.ensureDeferred
async def test_auto_calls_who_can_only_be_called(service: LocalService) -> None:
    service.add_phone(service.add_user(), app="", type="landline")
    verdict = begin(service, AUTO)
    await service.writer.run(lambda connection: None)
    service.calls.answer()
    service.calls.end(CallEnd.CONFIRMED)
    assert await verdict == Allowed("phone", device="XXX-XXX-0101")
    assert service.calls.placed[0].username == "alice"


@pytest_twisted.ensureDeferred
async def test_a_typed_passcode_sends_no_push(service: LocalService) -> None:
    user = service.add_user()
    service.add_phone(user)
    service.add_device(user)
    assert isinstance(await begin(service, Passcode(totp())), Allowed)
    assert service.value("SELECT count(*) FROM pushes") == 0


@pytest_twisted.ensureDeferred
async def test_an_alias_is_the_user(service: LocalService) -> None:
    user = service.add_user()
    service.add_device(user)
    service.add_alias(user, "al")
    assert isinstance(await begin(service, Passcode(totp()), "CORP\\Al"), Allowed)
    verdict = begin(service, Choice(Factor.PUSH), "al")
    await approve(service)
    assert isinstance(await verdict, Allowed)
    assert service.value("SELECT username FROM pushes") == "alice"


# ---------------------------------------------------------------- the menu


@pytest_twisted.ensureDeferred
async def test_the_menu_counts_the_users_own_phones(service: LocalService) -> None:
    user = service.add_user()
    service.add_phone(user)
    service.add_phone(user, app="", type="landline")
    service.add_phone(user, number="", name="tablet")
    prompt = await begin(service, None, can_prompt=True)
    assert isinstance(prompt, Prompt)
    assert re.findall(r"^ \d\. .*", prompt.text, re.MULTILINE) == [
        " 1. Push to XXX-XXX-0101",
        " 2. Push to tablet",
        " 3. Phone call to XXX-XXX-0101",
        " 4. Phone call to XXX-XXX-0102",
        " 5. SMS passcodes to XXX-XXX-0101",
    ]
    verdict = answer(service, prompt, "2")
    await approve(service)
    assert await verdict == Allowed("push", device="tablet")


@pytest_twisted.ensureDeferred
async def test_a_number_means_what_was_shown_whatever_was_changed_meanwhile(service: LocalService) -> None:
    user = service.add_user()
    service.add_phone(user)
    second = service.add_phone(user)
    prompt = await begin(service, None, can_prompt=True)
    service.change("DELETE FROM phones WHERE id = 'DP1'")
    verdict = answer(service, prompt, "2")
    await approve(service)
    assert isinstance(await verdict, Allowed)
    assert service.value("SELECT phone_id FROM pushes") == second
    assert reason(await answer(service, prompt, "1")) is Reason.FACTOR_NOT_AVAILABLE


# ---------------------------------------------------------------- phone calls


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (CallEnd.NO_KEY, Reason.CALL_DENIED),
        (CallEnd.NO_ANSWER, Reason.TIMED_OUT),
        (CallEnd.FRAUD, Reason.CALL_FRAUD),
        (CallEnd.FAILED, Reason.FACTOR_NOT_AVAILABLE),
        (CallEnd.LIMITED, Reason.FACTOR_NOT_AVAILABLE),
        (CallEnd.TOO_OFTEN, Reason.TOO_MANY_MESSAGES),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_call_without_the_key_keeps_out(service: LocalService, end: CallEnd, why: Reason) -> None:
    service.add_phone(service.add_user())
    verdict = begin(service, Choice(Factor.PHONE))
    await service.writer.run(lambda connection: None)
    service.calls.end(end)
    assert reason(await verdict) is why
    reported = [(report.username, report.factor) for report in service.frauds.reports]
    assert reported == ([("alice", "phone")] if end is CallEnd.FRAUD else [])


@pytest_twisted.ensureDeferred
async def test_the_same_login_again_joins_the_ringing_call(service: LocalService) -> None:
    service.add_phone(service.add_user())
    vpn, question = service.second_factor("vpn"), Ask(Choice(Factor.PHONE), EVERY)
    verdicts = [Deferred.fromCoroutine(vpn.begin(who(), question, request())) for _ in range(3)]
    await service.writer.run(lambda connection: None)
    assert len(service.calls.placed) == 1
    service.calls.end(CallEnd.CONFIRMED)
    for verdict in verdicts:
        assert isinstance(await verdict, Allowed)


@pytest_twisted.ensureDeferred
async def test_who_comes_from_nowhere_known_never_joins_a_call(service: LocalService) -> None:
    service.add_phone(service.add_user())
    vpn, question = service.second_factor("vpn"), Ask(Choice(Factor.PHONE), EVERY)
    logins = [replace(request(client_ip=None), login_id=login_id) for login_id in ("OWNER", "THIEF")]
    owner, thief = (Deferred.fromCoroutine(vpn.begin(who(), question, login)) for login in logins)
    await service.writer.run(lambda connection: None)
    assert [call.login_id for call in service.calls.placed] == ["OWNER", "THIEF"]
    service.calls.end(CallEnd.CONFIRMED)
    assert isinstance(await owner, Allowed)
    assert not thief.called
    service.calls.end(CallEnd.NO_KEY)
    assert reason(await thief) is Reason.CALL_DENIED


@pytest_twisted.ensureDeferred
async def test_who_is_disabled_while_the_phone_rings_stays_out(service: LocalService) -> None:
    service.add_phone(service.add_user())
    verdict = begin(service, Choice(Factor.PHONE))
    await service.writer.run(lambda connection: None)
    service.change("UPDATE users SET status = 'disabled'")
    service.calls.end(CallEnd.CONFIRMED)
    assert reason(await verdict) is Reason.USER_DISABLED


# ---------------------------------------------------------------- SMS passcodes


def sent_codes(service: LocalService) -> list[str]:
    return re.findall(r"\d+", service.texts.sent[-1].body)


@pytest_twisted.ensureDeferred
async def test_sms_sends_a_batch_and_refuses_until_a_code_is_typed(service: LocalService) -> None:
    service.add_phone(service.add_user())
    assert reason(await begin(service, Choice(Factor.SMS)), SMS_SENT) is Reason.SMS_SENT
    codes = sent_codes(service)
    assert {len(code) for code in codes} == {7}
    assert len({code[0] for code in codes}) == len(codes) == 3
    assert service.value("SELECT count(*) FROM sms_codes") == 3
    assert await begin(service, Passcode(codes[1])) == Allowed("SMS passcode")
    assert reason(await begin(service, Passcode(codes[1]))) is Reason.REUSED_PASSCODE
    assert await begin(service, Passcode(codes[0])) == Allowed("SMS passcode")


@pytest_twisted.ensureDeferred
async def test_a_new_batch_ends_the_one_before_and_a_code_expires(tmp_path: Path) -> None:
    service = LocalService(tmp_path, has_lines=True, sms_valid_seconds=600, sms_batch=10)
    service.add_phone(service.add_user())
    await begin(service, Choice(Factor.SMS))
    old = sent_codes(service)
    assert [code[0] for code in sorted(old)] == list("0123456789")
    await begin(service, Choice(Factor.SMS))
    new = sent_codes(service)
    assert reason(await begin(service, Passcode(old[0]))) is Reason.BAD_PASSCODE
    service.now.now += 599
    assert isinstance(await begin(service, Passcode(new[0])), Allowed)
    service.now.now += 1
    late = await begin(service, Passcode(new[1]))
    assert reason(late) is Reason.BAD_PASSCODE
    assert isinstance(late, Refused)
    assert "expired" in late.detail
    await service.stop()


@pytest_twisted.ensureDeferred
async def test_in_a_challenge_sms_asks_again_and_hints_at_the_next_code(service: LocalService) -> None:
    service.add_phone(service.add_user(), app="")
    prompt = await begin(service, None, can_prompt=True)
    again = await answer(service, prompt, "sms")
    assert isinstance(again, Prompt)
    first, second, _ = sent_codes(service)
    assert again.text.startswith("SMS passcodes sent.\n")
    assert f"SMS passcodes to XXX-XXX-0101 (next code starts with: {first[0]})" in again.text
    assert isinstance(await answer(service, again, first), Allowed)
    later = await begin(service, None, can_prompt=True)
    assert isinstance(later, Prompt)
    assert f"(next code starts with: {second[0]})" in later.text


@pytest_twisted.ensureDeferred
async def test_a_message_that_is_one_too_many_leaves_the_codes_of_the_one_before(service: LocalService) -> None:
    service.add_phone(service.add_user())
    assert reason(await begin(service, Choice(Factor.SMS)), SMS_SENT) is Reason.SMS_SENT
    code = sent_codes(service)[0]
    service.texts.end = TextEnd.TOO_OFTEN
    assert reason(await begin(service, Choice(Factor.SMS)), SMS_SENT) is Reason.TOO_MANY_MESSAGES
    assert isinstance(await begin(service, Passcode(code)), Allowed)


@pytest.mark.parametrize("end", [TextEnd.FAILED, TextEnd.LIMITED])
@pytest_twisted.ensureDeferred
async def test_a_message_that_is_not_taken_is_told_to_the_help_desk(service: LocalService, end: TextEnd) -> None:
    service.add_phone(service.add_user())
    service.texts.end = end
    found = await begin(service, Choice(Factor.SMS))
    assert reason(found, SMS_SENT) is Reason.FACTOR_NOT_AVAILABLE
    assert isinstance(found, Refused)
    assert str(end) in found.detail


@pytest.mark.parametrize(
    ("typed", "message"), [(Choice(Factor.SMS), SMS_SENT), (Choice(Factor.PHONE), ACCESS_DENIED)]
)
@pytest_twisted.ensureDeferred
async def test_what_is_read_tells_nothing_of_the_account(
    service: LocalService, typed: Typed, message: str
) -> None:
    service.add_user()
    service.add_phone(service.add_user("disabled", status="disabled"))
    for name in ("alice", "disabled", "nobody"):
        reason(await begin(service, typed, name), message)
    assert service.texts.sent == []


@pytest_twisted.ensureDeferred
async def test_without_gateways_calls_and_sms_are_not_offered(tmp_path: Path) -> None:
    service = LocalService(tmp_path)
    service.add_phone(service.add_user())
    prompt = await begin(service, None, can_prompt=True)
    assert isinstance(prompt, Prompt)
    assert re.findall(r"^ \d\. .*", prompt.text, re.MULTILINE) == [" 1. Push to XXX-XXX-0101"]
    for factor in (Factor.PHONE, Factor.SMS):
        assert reason(await begin(service, Choice(factor)), USE_PASSCODE) is Reason.FACTOR_NOT_AVAILABLE
    await service.stop()


# ---------------------------------------------------------------- verified pushes


@pytest_twisted.ensureDeferred
async def test_the_number_that_is_shown_must_be_picked_on_the_phone(service: LocalService) -> None:
    service.add_phone(service.add_user())
    prompt = await begin(service, AUTO, verified_push="number")
    assert isinstance(prompt, Prompt)
    (push,) = service.notifies.sent
    options = push.options.split(",")
    assert len(set(options)) == 3
    assert push.answer in options
    assert f"Pick {push.answer} there" in prompt.text
    assert not any(other in prompt.text for other in options if other != push.answer)
    verdict = answer(service, prompt, "OK")
    await approve(service, push.answer)
    assert await verdict == Allowed("push", device="XXX-XXX-0101")


@pytest_twisted.ensureDeferred
async def test_another_number_denies(service: LocalService) -> None:
    service.add_phone(service.add_user())
    for entered in ("", "wrong"):
        prompt = await begin(service, AUTO, verified_push="number")
        await approve(service, entered)
        found = await answer(service, prompt, "OK")
        assert reason(found) is Reason.PUSH_DENIED
        assert isinstance(found, Refused)
        assert "wrong number" in found.detail
    assert service.value("SELECT decided_by FROM pushes LIMIT 1") == "phone, wrong number"


@pytest_twisted.ensureDeferred
async def test_the_code_that_the_phone_shows_must_be_typed(service: LocalService) -> None:
    service.add_phone(service.add_user())
    prompt = await begin(service, None, can_prompt=True)
    asked = await answer_verified(service, prompt, "code")
    (push,) = service.notifies.sent
    assert isinstance(asked, Prompt)
    assert push.answer not in asked.text
    await approve(service)
    assert await answer(service, asked, f" {push.answer} ") == Allowed("push", device="XXX-XXX-0101")


async def answer_verified(service: LocalService, prompt: Verdict, mode: str) -> Verdict:
    assert isinstance(prompt, Prompt)
    return await answer(service, Prompt(prompt.text, {**prompt.resume, "verified_push": mode}), "1")


@pytest.mark.parametrize("reply", ["", "wrong", "1", "\udc80"])
@pytest_twisted.ensureDeferred
async def test_another_code_is_a_strike(service: LocalService, reply: str) -> None:
    service.add_phone(service.add_user())
    prompt = await begin(service, AUTO, verified_push="code")
    await approve(service)
    assert reason(await answer(service, prompt, reply)) is Reason.WRONG_NUMBER
    assert service.value("SELECT failures FROM users") == 1


@pytest.mark.parametrize("mode", ["number", "code"])
@pytest_twisted.ensureDeferred
async def test_a_verified_push_that_is_not_approved_lets_nobody_in(service: LocalService, mode: str) -> None:
    service.add_phone(service.add_user())
    for status, why in [(PushStatus.DENIED, Reason.PUSH_DENIED), (PushStatus.FRAUD, Reason.PUSH_FRAUD)]:
        prompt = await begin(service, AUTO, verified_push=mode)
        push = service.notifies.sent[-1]
        await service.pushes.decide(push.id, status, "phone")
        assert reason(await answer(service, prompt, push.answer)) is why
    service.change("DELETE FROM pushes")
    assert reason(await answer(service, prompt, push.answer)) is Reason.TIMED_OUT


@pytest_twisted.ensureDeferred
async def test_two_logins_never_share_a_verified_push(service: LocalService) -> None:
    service.add_phone(service.add_user())
    prompts = [await begin(service, AUTO, verified_push="number") for _ in range(2)]
    first, second = service.notifies.sent
    await service.pushes.decide(second.id, PushStatus.APPROVED, "phone", second.answer)
    assert isinstance(await answer(service, prompts[1], "OK"), Allowed)
    await service.pushes.decide(first.id, PushStatus.DENIED, "phone")
    assert reason(await answer(service, prompts[0], "OK")) is Reason.PUSH_DENIED


@pytest_twisted.ensureDeferred
async def test_a_login_that_can_show_nothing_gets_no_verified_push(service: LocalService) -> None:
    service.add_phone(service.add_user())
    relayed = replace(request(), conversation=Conversation("MS-CHAP"))
    found = await service.second_factor().begin(who(), Ask(AUTO, EVERY, verified_push="number"), relayed)
    assert reason(found) is Reason.FACTOR_NOT_ALLOWED
    assert service.notifies.sent == []


# ---------------------------------------------------------------- where to enroll


@pytest_twisted.ensureDeferred
async def test_who_can_enroll_is_shown_where_and_goes_on_afterwards(tmp_path: Path) -> None:
    service = LocalService(tmp_path, new_user_policy="enroll")
    user = service.add_user()
    for name in ("alice", "CORP\\nobody"):
        prompt = await begin(service, None, name, can_prompt=True, can_enroll=True)
        assert isinstance(prompt, Prompt)
        (ticket,) = re.findall(r"https://mfa\.example/enroll/(\S+)", prompt.text)
        read = service.links.read(ticket)
        assert read is not None
        assert read.username == name.removeprefix("CORP\\")
    prompt = await begin(service, None, can_prompt=True, can_enroll=True)
    service.add_phone(user)
    menu = await answer(service, prompt, "OK")
    assert isinstance(menu, Prompt)
    assert "1. Push to XXX-XXX-0101" in menu.text
    await service.stop()


@pytest_twisted.ensureDeferred
async def test_a_bypass_code_answers_the_enrollment_prompt_and_patience_ends(tmp_path: Path) -> None:
    service = LocalService(tmp_path, new_user_policy="enroll")
    service.add_bypass(service.add_user(), "123456789")
    prompt = await begin(service, None, can_prompt=True, can_enroll=True)
    for _ in range(2):
        prompt = await answer(service, prompt, "OK")
    assert reason(await answer(service, prompt, "OK")) is Reason.NO_PASSCODE
    assert await answer(service, prompt, "123456789") == Allowed("bypass code")
    await service.stop()


@pytest.mark.parametrize(
    ("policy", "can_enroll", "can_prompt"),
    [("deny", True, True), ("enroll", False, True), ("enroll", False, False)],
)
@pytest_twisted.ensureDeferred
async def test_otherwise_nobody_is_shown_where(
    tmp_path: Path, policy: str, can_enroll: bool, can_prompt: bool
) -> None:
    service = LocalService(tmp_path, new_user_policy=policy)
    found = await begin(service, None, "nobody", can_prompt=can_prompt, can_enroll=can_enroll)
    if can_prompt:
        assert isinstance(found, Prompt)
        assert "https:" not in found.text
    else:
        assert reason(found) is Reason.NOT_ENROLLED
    await service.stop()
