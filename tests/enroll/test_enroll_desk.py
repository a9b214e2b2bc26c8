"""Enrollment by a link: from nobody to a user with a phone, once, and not for whoever has a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from authproxy.secondfactor import enroll_api
from authproxy.secondfactor.activations import link_of, shown
from authproxy.secondfactor.devices import add_hotp
from authproxy.secondfactor.enroll_api import Beginning, Closed, Done, Waiting, Why
from authproxy.secondfactor.enroll_desk import EnrollDesk
from authproxy.secondfactor.enroll_links import VALID_SECONDS, EnrollLinks
from authproxy.secondfactor.phone_api import Why as PhoneWhy
from authproxy.secondfactor.phones import delete_phone, find_phone
from authproxy.secondfactor.pipush_api import PipushRefused
from authproxy.secondfactor.reach import Lines
from authproxy.secondfactor.users import change_user, find_user
from tests.phone.authenticator import Authenticator
from tests.phone.desks import BASE_URL, Desks, refused
from tests.phone.webphone import WebPhone

UNTESTED = enroll_api.Testing("nina")


class Enrolling:
    """alice has a phone that was never activated."""

    def __init__(self, directory: Path) -> None:
        self.desks = Desks(directory)
        self.links = EnrollLinks(self.desks.seeds, BASE_URL, lambda: self.desks.now)
        self.desk = self.with_lines(Lines())

    def with_lines(self, lines: Lines) -> EnrollDesk:
        asks = self.desks.desk.send_test
        return EnrollDesk(self.desks.writer, self.links, lines, BASE_URL, lambda: self.desks.now, asks)

    async def begin(self, ticket: str) -> Waiting:
        waiting = await self.desk.begin(ticket)
        assert isinstance(waiting, Waiting)
        return waiting

    async def claim(self, waiting: Waiting) -> WebPhone:
        phone = WebPhone()
        await self.desks.claim(phone, waiting.link)
        return phone

    async def pass_test(self, phone: WebPhone) -> None:
        (test,) = await self.desks.shown(phone)
        assert test.application == "Test"
        await self.desks.answer(phone, test, "approve")

    async def set_up(self, waiting: Waiting) -> WebPhone:
        phone = await self.claim(waiting)
        await self.pass_test(phone)
        return phone

    def phones(self, name: str) -> int:
        """How many count."""
        owned = "phone_apps JOIN phone_users USING (phone_id) JOIN users ON user_id = users.id"
        counted = f"SELECT count(*) FROM {owned} WHERE username = '{name}' AND is_untested = 0"
        return int(self.desks.value(counted))


@pytest.fixture
def enrolling(tmp_path: Path) -> Iterator[Enrolling]:
    made = Enrolling(tmp_path)
    yield made
    made.desks.stop()


@pytest_twisted.ensureDeferred
async def test_somebody_unknown_begins_and_is_done_when_a_phone_has_answered(enrolling: Enrolling) -> None:
    ticket, users = enrolling.links.ticket("nina"), "SELECT count(*) FROM users WHERE username = 'nina'"
    assert await enrolling.desk.look(ticket) == Beginning("nina")
    assert enrolling.desks.value(users) == 0  # looking makes nobody
    waiting = await enrolling.begin(ticket)
    assert waiting.link.startswith(f"{BASE_URL}/phone/activate#")
    assert waiting.seconds == VALID_SECONDS
    assert await enrolling.desk.look(ticket) == await enrolling.desk.begin(ticket) == waiting
    phone = await enrolling.claim(waiting)
    assert await enrolling.desk.look(ticket) == UNTESTED
    assert enrolling.phones("nina") == 0
    await enrolling.pass_test(phone)
    assert await enrolling.desk.look(ticket) == await enrolling.desk.begin(ticket) == Done("nina")
    assert await enrolling.desks.shown(phone) == []
    assert enrolling.phones("nina") == 1
    assert enrolling.desks.value(users) == 1
    told = "SELECT group_concat(action) FROM audit WHERE object = 'nina'"
    assert enrolling.desks.value(told) == "enroll begin,phone activate,enroll complete"


@pytest_twisted.ensureDeferred
async def test_somebody_known_without_a_device_gets_another_phone(enrolling: Enrolling) -> None:
    await enrolling.set_up(await enrolling.begin(enrolling.links.ticket("alice")))
    phones = "SELECT count(*) FROM phone_users JOIN users ON user_id = users.id WHERE username = 'alice'"
    assert enrolling.desks.value(phones) == 2


@pytest_twisted.ensureDeferred
async def test_the_authenticator_enrolls_with_its_own_code(enrolling: Enrolling) -> None:
    ticket = enrolling.links.ticket("nina")
    app = Authenticator.scan((await enrolling.begin(ticket)).authenticator)
    app.learn((await enrolling.desks.pipush.post(app.enrollment())).public_key)
    assert await enrolling.desk.look(ticket) == UNTESTED
    (test,) = await enrolling.desks.pipush.poll(app.poll(enrolling.desks.now))  # it was asked at once
    await enrolling.desks.pipush.post(app.answer(test))
    assert await enrolling.desk.look(ticket) == Done("nina")


@pytest_twisted.ensureDeferred
async def test_the_first_phone_ends_all_other_enrollments_of_its_user(enrolling: Enrolling) -> None:
    first, now = await enrolling.begin(enrolling.links.ticket("nina")), enrolling.desks.now
    enrolling.desks.now += 1
    second = await enrolling.begin(enrolling.links.ticket("nina"))
    enrolling.desks.now = now
    await enrolling.set_up(second)
    thief = WebPhone()
    assert await refused(enrolling.desks.claim(thief, first.link)) is PhoneWhy.BAD_CODE
    with pytest.raises(PipushRefused):
        await enrolling.desks.pipush.post(Authenticator.scan(second.authenticator).enrollment())
    assert await enrolling.desk.look(enrolling.links.ticket("nina")) == Closed(Why.HAS_DEVICE)


@pytest_twisted.ensureDeferred
async def test_of_two_phones_that_wait_for_their_test_the_first_to_answer_counts(enrolling: Enrolling) -> None:
    first = enrolling.links.ticket("nina")
    slow = await enrolling.claim(await enrolling.begin(first))
    enrolling.desks.now += 1
    second = enrolling.links.ticket("nina")
    quick = await enrolling.claim(await enrolling.begin(second))
    (late,) = await enrolling.desks.shown(slow)
    await enrolling.pass_test(quick)
    assert await refused(enrolling.desks.answer(slow, late, "approve")) is PhoneWhy.UNKNOWN_PHONE
    assert enrolling.desks.value("SELECT count(*) FROM phone_apps") == enrolling.phones("nina") == 1
    assert await enrolling.desk.look(second) == Done("nina")


@pytest_twisted.ensureDeferred
async def test_a_test_that_is_answered_beside_another_device_makes_the_phone_no_factor(
    enrolling: Enrolling,
) -> None:
    ticket = enrolling.links.ticket("alice")
    phone = await enrolling.claim(await enrolling.begin(ticket))
    with enrolling.desks.database.writing() as connection:  # meanwhile, the help desk
        add_hotp(connection, enrolling.desks.alice, enrolling.desks.seeds)
    await enrolling.pass_test(phone)
    assert enrolling.phones("alice") == 0


@pytest_twisted.ensureDeferred
async def test_a_used_link_stays_used_when_its_phone_is_deleted(enrolling: Enrolling) -> None:
    ticket = enrolling.links.ticket("nina")
    waiting = await enrolling.begin(ticket)
    await enrolling.claim(waiting)
    phone_id = str(enrolling.desks.value("SELECT phone_id FROM phone_apps"))
    with enrolling.desks.database.writing() as connection:
        delete_phone(connection, find_phone(connection, phone_id))
    assert await enrolling.desk.begin(ticket) == Done("nina")
    assert await refused(enrolling.claim(waiting)) is PhoneWhy.BAD_CODE
    app = Authenticator.scan(waiting.authenticator)
    with pytest.raises(PipushRefused):
        await enrolling.desks.pipush.post(app.enrollment())


@pytest_twisted.ensureDeferred
async def test_whoever_has_a_device_adds_no_other_one(enrolling: Enrolling) -> None:
    ticket, numbered = enrolling.links.ticket("alice"), enrolling.with_lines(Lines(sms=True))
    assert await numbered.begin(ticket) == Closed(Why.HAS_DEVICE)  # her phone takes messages
    waiting = await enrolling.begin(ticket)
    with enrolling.desks.database.writing() as connection:  # meanwhile, the help desk
        add_hotp(connection, enrolling.desks.alice, enrolling.desks.seeds)
    assert await enrolling.desk.look(ticket) == Closed(Why.HAS_DEVICE)
    assert await refused(enrolling.claim(waiting)) is PhoneWhy.BAD_CODE


@pytest_twisted.ensureDeferred
async def test_a_disabled_user_enrolls_nothing(enrolling: Enrolling) -> None:
    ticket = enrolling.links.ticket("alice")
    waiting = await enrolling.begin(ticket)
    with enrolling.desks.database.writing() as connection:
        change_user(connection, find_user(connection, "alice", "simple"), {"status": "disabled"})
    assert await enrolling.desk.begin(ticket) == Closed(Why.DISABLED)
    assert await refused(enrolling.claim(waiting)) is PhoneWhy.DISABLED


@pytest_twisted.ensureDeferred
async def test_a_link_ends_after_an_hour_and_what_it_opened_with_it(enrolling: Enrolling) -> None:
    ticket = enrolling.links.ticket("nina")
    waiting = await enrolling.begin(ticket)
    enrolling.desks.now += VALID_SECONDS - 1
    assert isinstance(await enrolling.desk.look(ticket), Waiting)
    enrolling.desks.now += 1
    assert await enrolling.desk.begin(ticket) == Closed(Why.BAD_LINK)
    assert await refused(enrolling.claim(waiting)) is PhoneWhy.BAD_CODE


@pytest.mark.parametrize("name", ["", "a\x07b", "a" * 260])
@pytest_twisted.ensureDeferred
async def test_what_is_no_name_of_a_user_enrolls_nobody(enrolling: Enrolling, name: str) -> None:
    assert await enrolling.desk.begin(enrolling.links.ticket(name)) == Closed(Why.BAD_LINK)
    assert enrolling.desks.value("SELECT count(*) FROM users") == 1


def test_a_code_of_this_service_stands_for_a_link_and_no_other_does() -> None:
    code = "Ab3" + "x" * 17
    made = shown(code, BASE_URL, 0.0)
    assert link_of(made.code, BASE_URL) == made.url
    others = [code, made.url, shown(code, "https://evil.example", 0.0).code, f"{made.code}x", "duo://-", ""]
    others += [shown("a" * 19 + "#", BASE_URL, 0.0).code, shown("a" * 21, BASE_URL, 0.0).code]
    assert [link_of(other, BASE_URL) for other in others] == [None] * len(others)
