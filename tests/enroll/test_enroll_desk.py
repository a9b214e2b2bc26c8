"""Enrollment by a link: from nobody to a user with a phone, once, and not for whoever has a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

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


class Enrolling:
    """alice has a phone that was never activated."""

    def __init__(self, directory: Path) -> None:
        self.desks = Desks(directory)
        self.links = EnrollLinks(self.desks.seeds, BASE_URL, lambda: self.desks.now)
        self.desk = self.with_lines(Lines())

    def with_lines(self, lines: Lines) -> EnrollDesk:
        return EnrollDesk(self.desks.writer, self.links, lines, BASE_URL, lambda: self.desks.now)

    async def begin(self, ticket: str) -> Waiting:
        waiting = await self.desk.begin(ticket)
        assert isinstance(waiting, Waiting)
        return waiting

    async def claim(self, waiting: Waiting) -> WebPhone:
        phone = WebPhone()
        await self.desks.claim(phone, waiting.link)
        return phone


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
    assert await enrolling.desk.look(ticket) == await enrolling.desk.begin(ticket) == Done("nina")
    assert await enrolling.desks.shown(phone) == []
    assert enrolling.desks.value(users) == 1
    told = "SELECT group_concat(action) FROM audit WHERE object = 'nina'"
    assert enrolling.desks.value(told) == "enroll begin,phone activate"


@pytest_twisted.ensureDeferred
async def test_somebody_known_without_a_device_gets_another_phone(enrolling: Enrolling) -> None:
    await enrolling.claim(await enrolling.begin(enrolling.links.ticket("alice")))
    phones = "SELECT count(*) FROM phone_users JOIN users ON user_id = users.id WHERE username = 'alice'"
    assert enrolling.desks.value(phones) == 2


@pytest_twisted.ensureDeferred
async def test_the_authenticator_enrolls_with_its_own_code(enrolling: Enrolling) -> None:
    ticket = enrolling.links.ticket("nina")
    app = Authenticator.scan((await enrolling.begin(ticket)).authenticator)
    await enrolling.desks.pipush.post(app.enrollment())
    assert await enrolling.desk.look(ticket) == Done("nina")


@pytest_twisted.ensureDeferred
async def test_the_first_phone_ends_all_other_enrollments_of_its_user(enrolling: Enrolling) -> None:
    first, now = await enrolling.begin(enrolling.links.ticket("nina")), enrolling.desks.now
    enrolling.desks.now += 1
    second = await enrolling.begin(enrolling.links.ticket("nina"))
    enrolling.desks.now = now
    await enrolling.claim(second)
    thief = WebPhone()
    assert await refused(enrolling.desks.claim(thief, first.link)) is PhoneWhy.BAD_CODE
    with pytest.raises(PipushRefused):
        await enrolling.desks.pipush.post(Authenticator.scan(second.authenticator).enrollment())
    assert await enrolling.desk.look(enrolling.links.ticket("nina")) == Closed(Why.HAS_DEVICE)


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
