"""Phones with the web app: activation, what they are asked, answers, and everything that is not an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from authproxy.secondfactor.phone_api import Answer, Claim, Contact, Why
from authproxy.secondfactor.phones import delete_phone, find_phone
from authproxy.secondfactor.pushes import PushMode, PushStatus
from authproxy.secondfactor.users import change_user
from tests.phone.desks import LIFE, NOW, Desks, refused
from tests.phone.webphone import WebPhone, tampered, totp

SUBSCRIPTION = (
    '{"endpoint":"https://push.example.com/x","keys":{"auth":"BTBZMqHH6r4Tts7J_aSIgg","p256dh":'
    '"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"},"more":1}'
)


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    made = Desks(tmp_path)
    yield made
    made.stop()


# ---------------------------------------------------------------- activation


@pytest_twisted.ensureDeferred
async def test_a_code_makes_a_phone_the_users_own_and_gives_it_a_code_generator(desks: Desks) -> None:
    phone = WebPhone()
    claimed = await desks.claim(phone, desks.code())
    assert (claimed.label, claimed.usernames) == ("XXX-XXX-0100", ("alice",))
    row = "SELECT kind || origin FROM devices JOIN device_users ON device_id = id WHERE phone_id = user_id"
    assert desks.value(row) is None
    assert desks.value("SELECT kind || ' ' || origin FROM devices") == "totp phone"
    seed = desks.seeds.decrypt(desks.value("SELECT id FROM devices"), desks.value("SELECT seed FROM devices"))
    assert totp(seed, NOW) == totp(claimed.secret, NOW)
    assert desks.value("SELECT count(*) FROM audit WHERE action = 'phone activate'") == 1


@pytest_twisted.ensureDeferred
async def test_a_code_is_claimed_once(desks: Desks) -> None:
    code = desks.code()
    await desks.claim(WebPhone(), code)
    thief = WebPhone()
    request = thief.signed("claim", now=desks.now)
    assert await refused(desks.desk.claim(request, Claim(code, thief.public_key))) is Why.BAD_CODE


@pytest_twisted.ensureDeferred
async def test_an_expired_or_unknown_code_is_refused(desks: Desks) -> None:
    code, phone = desks.code(seconds=100), WebPhone()
    desks.now += 101
    request = phone.signed("claim", now=desks.now)
    assert await refused(desks.desk.claim(request, Claim(code, phone.public_key))) is Why.BAD_CODE
    assert await refused(desks.desk.claim(request, Claim("nonsense", phone.public_key))) is Why.BAD_CODE


@pytest_twisted.ensureDeferred
async def test_a_claim_proves_that_the_phone_has_the_key(desks: Desks) -> None:
    code, phone = desks.code(), WebPhone()
    request = phone.signed("claim", now=desks.now)
    assert await refused(desks.desk.claim(request, Claim(code, WebPhone().public_key))) is Why.FORGED
    assert await refused(desks.desk.claim(request, Claim(code, b"no key"))) is Why.BAD_REQUEST
    await desks.claim(phone, code)  # it is not used up by that


@pytest_twisted.ensureDeferred
async def test_a_code_of_a_disabled_user_can_be_used_when_the_user_is_enabled(desks: Desks) -> None:
    code, phone = desks.code(), WebPhone()
    desks.change("UPDATE users SET status = 'disabled'")
    request = phone.signed("claim", now=desks.now)
    assert await refused(desks.desk.claim(request, Claim(code, phone.public_key))) is Why.DISABLED
    desks.change("UPDATE users SET status = 'active'")
    await desks.claim(phone, code)


@pytest_twisted.ensureDeferred
async def test_a_phone_that_is_activated_anew_leaves_the_old_one_without_rights(desks: Desks) -> None:
    old = await desks.activated()
    push = await desks.push()
    assert len(await desks.shown(old)) == 1
    new = await desks.activated()
    assert desks.status(push) == PushStatus.CANCELLED
    assert await refused(desks.desk.pushes(old.signed("pushes", now=desks.now))) is Why.UNKNOWN_PHONE
    assert await desks.shown(new) == []
    assert desks.value("SELECT count(*) FROM devices") == 1


@pytest_twisted.ensureDeferred
async def test_enrollment_without_a_phone_adds_one(desks: Desks) -> None:
    code = desks.code()
    desks.change("UPDATE activations SET phone_id = NULL, kind = 'enroll'")
    assert (await desks.claim(WebPhone(), code)).usernames == ("alice",)
    assert desks.value("SELECT count(*) FROM phone_users") == 2


@pytest_twisted.ensureDeferred
async def test_of_two_who_enroll_the_same_user_only_the_first_gets_a_phone(desks: Desks) -> None:
    """Somebody who knew the password before the user had a device may have opened a link, and waited."""
    codes = []
    for _ in range(2):
        codes.append(desks.code())
        desks.change("UPDATE activations SET phone_id = NULL, kind = 'enroll'")
    await desks.claim(WebPhone(), codes[0])
    late = WebPhone()
    claim = Claim(codes[1], late.public_key)
    assert await refused(desks.desk.claim(late.signed("claim", now=desks.now), claim)) is Why.BAD_CODE
    assert desks.value("SELECT count(*) FROM phone_apps") == 1


# ---------------------------------------------------------------- answers


@pytest_twisted.ensureDeferred
async def test_a_phone_is_shown_what_it_is_asked(desks: Desks) -> None:
    phone, push = await desks.activated(), await desks.push()
    (shown,) = await desks.shown(phone)
    assert (shown.username, shown.application, shown.client_ip) == ("alice", "vpn", "198.51.100.7")
    assert (shown.location, shown.created, shown.expires) == ("Bern, Switzerland", NOW, NOW + LIFE)
    assert await desks.shown(phone) == [shown]  # the same nonce again
    assert desks.value(f"SELECT opened_at FROM pushes WHERE id = '{push.id}'") == NOW


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("deny", "denied"), ("fraud", "fraud")])
@pytest_twisted.ensureDeferred
async def test_an_answer_decides(desks: Desks, decision: str, status: str) -> None:
    phone, push = await desks.activated(), await desks.push()
    ended = desks.pushes.ending(push.id)
    (shown,) = await desks.shown(phone)
    assert (await desks.answer(phone, shown, decision)).status == status
    found = await ended
    assert found is not None
    assert found[1] == status
    assert desks.value("SELECT decided_by FROM pushes") == f"phone:{desks.phone_id}"


@pytest_twisted.ensureDeferred
async def test_the_first_answer_is_final_whatever_comes_after_it(desks: Desks) -> None:
    phone, push = await desks.activated(), await desks.push()
    (shown,) = await desks.shown(phone)
    late = phone.signed("answer", now=desks.now)  # approved first, but delayed on its way
    await desks.answer(phone, shown, "deny")
    assert await refused(desks.desk.answer(late, Answer(shown.id, shown.nonce, "approve"))) is Why.TOO_LATE
    assert desks.status(push) == PushStatus.DENIED


@pytest_twisted.ensureDeferred
async def test_a_request_that_comes_twice_is_refused(desks: Desks) -> None:
    phone = await desks.activated()
    await desks.push()
    (shown,) = await desks.shown(phone)
    request, answer = phone.signed("answer", now=desks.now), Answer(shown.id, shown.nonce, "deny")
    await desks.desk.answer(request, answer)
    assert await refused(desks.desk.answer(request, answer)) is Why.REPLAYED


@pytest.mark.parametrize("seconds", [-61, 61])
@pytest_twisted.ensureDeferred
async def test_a_request_of_another_time_is_refused(desks: Desks, seconds: int) -> None:
    phone = await desks.activated()
    request = phone.signed("pushes", now=desks.now + seconds)
    assert await refused(desks.desk.pushes(request)) is Why.CLOCK


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"decision":"approve"}'},
        {"path": "/phone/api/leave"},
        {"time": int(NOW * 1000) + 1},
        {"nonce": "A" * 24},
        {"signature": bytes(64)},
        {"signature": b"\xff" * 64},
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_the_phone_did_not_sign_is_refused(desks: Desks, changed: dict[str, object]) -> None:
    phone = await desks.activated()
    request = phone.signed("pushes", b'{"decision":"deny"}', desks.now)
    assert await refused(desks.desk.pushes(tampered(request, **changed))) is Why.FORGED
    await desks.desk.pushes(request)


@pytest.mark.parametrize(
    "changed",
    [{"nonce": "short"}, {"nonce": "x" * 20 + "\n"}, {"signature": b"x" * 63}, {"serial": "no\nserial"}],
)
@pytest_twisted.ensureDeferred
async def test_damaged_requests_are_refused(desks: Desks, changed: dict[str, object]) -> None:
    request = tampered((await desks.activated()).signed("pushes", now=desks.now), **changed)
    assert await refused(desks.desk.pushes(request)) is Why.BAD_REQUEST


@pytest_twisted.ensureDeferred
async def test_a_phone_answers_only_what_it_was_asked(desks: Desks) -> None:
    phone = await desks.activated()
    push = await desks.push()
    (shown,) = await desks.shown(phone)
    for wrong in (Answer(push.id, "é" * 32, "approve"), Answer("NOSUCHPUSH", shown.nonce, "approve")):
        assert await refused(desks.desk.answer(phone.signed("answer", now=desks.now), wrong)) is Why.NO_SUCH_PUSH
    desks.change("UPDATE pushes SET phone_id = NULL")
    right = Answer(push.id, shown.nonce, "approve")
    assert await refused(desks.desk.answer(phone.signed("answer", now=desks.now), right)) is Why.NO_SUCH_PUSH
    assert desks.status(push) == PushStatus.PENDING


@pytest_twisted.ensureDeferred
async def test_an_answer_after_expiry_is_too_late(desks: Desks) -> None:
    phone, push = await desks.activated(), await desks.push()
    (shown,) = await desks.shown(phone)
    desks.now += LIFE
    assert await refused(desks.answer(phone, shown, "approve")) is Why.TOO_LATE
    assert await desks.shown(phone) == []
    assert desks.status(push) != PushStatus.APPROVED


@pytest_twisted.ensureDeferred
async def test_a_deleted_phone_answers_nothing(desks: Desks) -> None:
    phone, push = await desks.activated(), await desks.push()
    (shown,) = await desks.shown(phone)
    with desks.database.writing() as connection:
        delete_phone(connection, find_phone(connection, desks.phone_id))
    assert await refused(desks.answer(phone, shown, "approve")) is Why.UNKNOWN_PHONE
    assert desks.status(push) == PushStatus.CANCELLED


@pytest_twisted.ensureDeferred
async def test_the_phone_of_a_disabled_user_answers_nothing(desks: Desks) -> None:
    phone, push = await desks.activated(), await desks.push()
    (shown,) = await desks.shown(phone)
    with desks.database.writing() as connection:
        change_user(connection, desks.alice, {"status": "disabled"})
    assert await refused(desks.answer(phone, shown, "approve")) is Why.DISABLED
    assert desks.status(push) != PushStatus.APPROVED


# ---------------------------------------------------------------- verified pushes


@pytest.mark.parametrize(("picked", "status"), [("42", "approved"), ("07", "denied"), ("", "denied")])
@pytest_twisted.ensureDeferred
async def test_only_the_number_that_the_login_shows_approves(desks: Desks, picked: str, status: str) -> None:
    phone = await desks.activated()
    await desks.push(PushMode.NUMBER, ("07", "42", "93"), "42")
    (shown,) = await desks.shown(phone)
    assert shown.options == ["07", "42", "93"]
    assert (await desks.answer(phone, shown, "approve", picked)).status == status


@pytest_twisted.ensureDeferred
async def test_a_code_is_shown_after_approval_only_and_again_to_who_did_not_hear_it(desks: Desks) -> None:
    phone = await desks.activated()
    await desks.push(PushMode.CODE, (), "4711")
    (shown,) = await desks.shown(phone)
    assert "4711" not in repr(shown)
    assert (await desks.answer(phone, shown, "approve")).code == "4711"
    assert (await desks.answer(phone, shown, "approve")).code == "4711"
    assert await refused(desks.answer(phone, shown, "deny")) is Why.TOO_LATE
    desks.now += LIFE
    assert await refused(desks.answer(phone, shown, "approve")) is Why.TOO_LATE


# ---------------------------------------------------------------- what the help desk sees


@pytest_twisted.ensureDeferred
async def test_contact_keeps_clock_permission_and_subscription(desks: Desks) -> None:
    phone = await desks.activated()
    contact = Contact(int((NOW + 90) * 1000), "granted", SUBSCRIPTION)
    key = await desks.desk.contact(phone.signed("contact", now=desks.now), contact)
    assert len(key) == 87  # a point on P-256, base64url
    row = "SELECT clock_offset || ' ' || permission || ' ' || last_contact FROM phone_apps"
    assert desks.value(row) == f"90.0 granted {NOW}"
    assert '"more"' not in desks.value("SELECT subscription FROM phone_apps")
    await desks.desk.contact(phone.signed("contact", now=desks.now), Contact(0, "granted"))
    assert desks.value("SELECT subscription FROM phone_apps") != ""
    await desks.desk.contact(phone.signed("contact", now=desks.now), Contact(0, "denied", ""))
    assert desks.value("SELECT subscription FROM phone_apps") == ""


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/",
        "https://127.0.0.1/",
        "https://10.1.1.1/",
        "https://[::1]/",
        "https://localhost/",
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_subscription_that_leads_inside_is_refused(desks: Desks, endpoint: str) -> None:
    phone = await desks.activated()
    contact = Contact(0, "granted", SUBSCRIPTION.replace("https://push.example.com/x", endpoint))
    assert await refused(desks.desk.contact(phone.signed("contact", now=desks.now), contact)) is Why.BAD_REQUEST


@pytest_twisted.ensureDeferred
async def test_a_push_is_brought_with_its_id_and_nothing_else(desks: Desks) -> None:
    phone = await desks.activated()
    await desks.desk.contact(phone.signed("contact", now=desks.now), Contact(0, "granted", SUBSCRIPTION))
    push = await desks.push()
    await desks.writer.run(lambda _: None)
    await desks.writer.run(lambda _: None)
    ((_, payload, seconds),) = desks.sender.sent
    assert payload == f'{{"push":"{push.id}"}}'.encode()
    assert seconds == LIFE
    assert desks.value("SELECT sent_at FROM pushes") == NOW
    await desks.desk.delivered(phone.signed("delivered", now=desks.now), push.id)
    assert desks.value("SELECT delivered_at FROM pushes") == NOW


@pytest_twisted.ensureDeferred
async def test_a_subscription_that_is_gone_is_forgotten(desks: Desks) -> None:
    phone = await desks.activated()
    await desks.desk.contact(phone.signed("contact", now=desks.now), Contact(0, "granted", SUBSCRIPTION))
    desks.sender.status = 410
    await desks.push()
    for _ in range(3):
        await desks.writer.run(lambda _: None)
    assert desks.value("SELECT subscription FROM phone_apps") == ""
    assert desks.value("SELECT sent_at FROM pushes") is None


@pytest_twisted.ensureDeferred
async def test_open_pages_hear_of_pushes_and_of_their_end(desks: Desks) -> None:
    phone, heard = await desks.activated(), list[str]()
    page = desks.bus.listen({desks.phone_id: phone.serial}, heard.append, lambda: heard.append("end"))
    await desks.push()
    assert heard == [phone.serial]
    (shown,) = await desks.shown(phone)
    await desks.answer(phone, shown, "deny")
    assert heard == [phone.serial] * 2
    desks.bus.close()
    assert heard[2:] == ["end"]
    desks.bus.leave(page)
    assert len(desks.bus) == 0


@pytest_twisted.ensureDeferred
async def test_a_test_push_comes_to_the_phone_that_asked(desks: Desks) -> None:
    phone = await desks.activated()
    await desks.desk.try_out(phone.signed("test", now=desks.now))
    (shown,) = await desks.shown(phone)
    assert shown.detail == {"type": "Test"}
    assert (await desks.answer(phone, shown, "approve")).status == "approved"


@pytest_twisted.ensureDeferred
async def test_a_phone_that_leaves_loses_its_key_its_codes_and_its_pushes(desks: Desks) -> None:
    phone, push = await desks.activated(), await desks.push()
    await desks.desk.leave(phone.signed("leave", now=desks.now))
    assert desks.status(push) == PushStatus.CANCELLED
    assert desks.value("SELECT count(*) FROM devices") == 0
    assert await refused(desks.desk.pushes(phone.signed("pushes", now=desks.now))) is Why.UNKNOWN_PHONE
