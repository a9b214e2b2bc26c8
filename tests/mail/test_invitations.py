"""Invitations: thirty days from the first mail, the same link again, a test before the device counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from authproxy.messaging.post_office import PostOffice
from authproxy.secondfactor import enroll_api
from authproxy.secondfactor.activation_messages import activation_text, send_activation
from authproxy.secondfactor.enroll_api import Beginning, Closed, Done, Waiting, Why
from authproxy.secondfactor.enroll_desk import EnrollDesk
from authproxy.secondfactor.enroll_links import EnrollLinks
from authproxy.secondfactor.invitations import (
    VALID_SECONDS,
    find_invitation,
    incomplete,
    invite,
    invite_some,
    list_invitations,
    resend,
    uninvited,
    withdraw,
)
from authproxy.secondfactor.message_text import HIDDEN
from authproxy.secondfactor.messages import as_received, find_message, search_messages
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.phones import add_phone, delete_phone, find_phone, load_phones
from authproxy.secondfactor.reach import Lines
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import User, add_user, change_user, user_by_id
from tests.mail.mailserver import Mail, MailServer
from tests.mail.posts import DAY
from tests.phone.authenticator import Authenticator
from tests.phone.desks import BASE_URL, Desks
from tests.phone.webphone import WebPhone

UNTESTED = enroll_api.Testing("zoe")
ADMIN = "admin:olga@firm.example"


class Inviting:
    """alice and bob have addresses; carol has none. Mail goes to a server that receives."""

    def __init__(self, directory: Path, server: MailServer) -> None:
        self.desks, self.server = Desks(directory), server
        self.database = self.desks.database
        outbox = Outbox(self.desks.writer, self.desks.seeds, self.now)
        settings = server.settings(directory)
        office = PostOffice.open(settings, BASE_URL, self.desks.seeds, outbox, self.desks.clock, self.now)
        self.mail, self.postman = office.mailroom, office.postman
        links = EnrollLinks(self.desks.seeds, BASE_URL, self.now)
        self.page = EnrollDesk(
            self.desks.writer, links, Lines(calls=True, sms=True), BASE_URL, self.now, self.desks.desk.send_test
        )
        with self.database.writing() as connection:
            change_user(connection, self.desks.alice, {"email": "alice@firm.example"})
            self.alice = add_user(connection, "zoe", "simple", "zoe@firm.example")
            self.carol = add_user(connection, "carol", "simple")

    def now(self) -> float:
        return self.desks.now

    def do(self, work: Any, *rest: Any) -> Any:
        with self.database.writing() as connection:
            return work(connection, *rest)

    def invite(self, user: User | None = None) -> Any:
        return self.do(invite, self.mail, user or self.alice, ADMIN)

    def resend(self) -> Any:
        return self.do(resend, self.mail, self.alice, ADMIN)

    async def received(self) -> Mail:
        """The newest mail, once all have been delivered."""
        self.desks.clock.advance(60)
        await self.postman._deliver_due()
        return self.server.mails[-1]

    async def ticket(self) -> str:
        link = (await self.received()).link
        assert link.startswith(f"{BASE_URL}/enroll/")
        return link.rpartition("/")[2]


@pytest.fixture
def inviting(tmp_path: Path, server: MailServer) -> Iterator[Inviting]:
    made = Inviting(tmp_path, server)
    yield made
    pytest_twisted.blockon(made.postman.stop())
    made.desks.stop()


@pytest_twisted.ensureDeferred
async def test_from_the_mail_to_a_device_that_counts_once_it_has_answered(inviting: Inviting) -> None:
    user = inviting.alice
    inviting.invite()
    ticket = await inviting.ticket()
    assert await inviting.page.look(ticket) == Beginning("zoe", is_invited=True)
    waiting = await inviting.page.begin(ticket)
    assert isinstance(waiting, Waiting)
    phone = WebPhone()
    await inviting.desks.claim(phone, waiting.link)
    assert await inviting.page.look(ticket) == UNTESTED
    (known,) = await inviting.desks.writer.run(lambda connection: load_phones(connection, user.id))
    assert known.app == ""  # no login reaches it
    assert inviting.desks.value("SELECT count(*) FROM device_users") == 0
    (test,) = await inviting.desks.shown(phone)
    assert test.application == "Test"
    await inviting.desks.answer(phone, test, "deny")
    assert await inviting.page.look(ticket) == UNTESTED
    assert await inviting.page.begin(ticket) == UNTESTED  # asks once more
    (again,) = await inviting.desks.shown(phone)
    await inviting.desks.answer(phone, again, "approve")
    assert await inviting.page.look(ticket) == await inviting.page.begin(ticket) == Done("zoe", is_invited=True)
    (known,) = await inviting.desks.writer.run(lambda connection: load_phones(connection, user.id))
    assert known.app == "web"
    assert inviting.desks.value("SELECT count(*) FROM device_users") == 1
    invitation = inviting.do(find_invitation, user.id)
    assert invitation.state(inviting.now()) == "completed"
    told = "SELECT group_concat(action) FROM audit WHERE object = 'zoe'"
    assert inviting.desks.value(told) == "enroll invite,enroll begin,phone activate,enroll complete"


@pytest_twisted.ensureDeferred
async def test_a_device_that_is_deleted_before_it_answered_makes_room_for_another(inviting: Inviting) -> None:
    inviting.invite()
    ticket = await inviting.ticket()
    for _ in range(2):
        waiting = await inviting.page.begin(ticket)
        assert isinstance(waiting, Waiting)
        phone = WebPhone()
        await inviting.desks.claim(phone, waiting.link)
        assert await inviting.page.look(ticket) == UNTESTED
        phone_id = str(inviting.desks.value("SELECT phone_id FROM phone_apps"))
        inviting.do(delete_phone, inviting.do(find_phone, phone_id))
        assert await inviting.page.look(ticket) == Beginning("zoe", is_invited=True)


@pytest_twisted.ensureDeferred
async def test_the_authenticator_answers_its_test_too(inviting: Inviting) -> None:
    inviting.invite()
    ticket = await inviting.ticket()
    waiting = await inviting.page.begin(ticket)
    assert isinstance(waiting, Waiting)
    app = Authenticator.scan(waiting.authenticator)
    app.learn((await inviting.desks.pipush.post(app.enrollment())).public_key)
    assert await inviting.page.look(ticket) == UNTESTED
    (challenge,) = await inviting.desks.pipush.poll(app.poll(inviting.now()))
    await inviting.desks.pipush.post(app.answer(challenge))
    assert await inviting.page.look(ticket) == Done("zoe", is_invited=True)


@pytest_twisted.ensureDeferred
async def test_sending_again_sends_the_same_link_and_does_not_move_the_date(inviting: Inviting) -> None:
    first = inviting.invite()
    link = (await inviting.received()).link
    assert first.expires == inviting.now() + VALID_SECONDS == inviting.now() + 30 * DAY
    inviting.desks.now += 29 * DAY
    again = inviting.resend()
    mail = await inviting.received()
    assert (mail.link, again.expires, again.times_sent) == (link, first.expires, 2)
    assert mail.message["Subject"].endswith("(reminder)")
    assert inviting.invite().expires == first.expires  # to invite anew is to send again
    assert (await inviting.received()).link == link


@pytest_twisted.ensureDeferred
async def test_after_thirty_days_the_link_is_over_and_another_can_be_made(inviting: Inviting) -> None:
    inviting.invite()
    old = await inviting.ticket()
    waiting = await inviting.page.begin(old)
    assert isinstance(waiting, Waiting)
    inviting.desks.now += VALID_SECONDS - 1
    assert isinstance(await inviting.page.look(old), Waiting)
    inviting.desks.now += 1
    assert await inviting.page.look(old) == await inviting.page.begin(old) == Closed(Why.EXPIRED)
    with pytest.raises(BadValue, match="invite anew"):
        inviting.resend()
    assert inviting.invite().expires == inviting.now() + VALID_SECONDS
    new = await inviting.ticket()
    assert new != old
    assert await inviting.page.look(new) == Beginning("zoe", is_invited=True)
    assert await inviting.page.look(old) == Closed(Why.BAD_LINK)


@pytest_twisted.ensureDeferred
async def test_a_link_that_was_withdrawn_or_guessed_leads_nowhere(inviting: Inviting) -> None:
    inviting.invite()
    ticket = await inviting.ticket()
    for guess in (ticket[:-1], ticket.swapcase(), f"{ticket}x", "A" * 20, ""):
        assert await inviting.page.look(guess) == Closed(Why.BAD_LINK)
    inviting.do(withdraw, inviting.alice, ADMIN)
    assert await inviting.page.begin(ticket) == Closed(Why.BAD_LINK)
    with pytest.raises(NotFound):
        inviting.resend()


def test_who_can_not_be_invited(inviting: Inviting) -> None:
    with pytest.raises(BadValue, match="no mail address"):
        inviting.invite(inviting.carol)
    inviting.do(change_user, inviting.alice, {"status": "disabled"})
    disabled = inviting.do(user_by_id, inviting.alice.id)
    with pytest.raises(BadValue, match="is disabled"):
        inviting.invite(disabled)
    assert inviting.desks.value("SELECT count(*) FROM messages") == 0


@pytest_twisted.ensureDeferred
async def test_whoever_has_a_device_is_not_invited(inviting: Inviting) -> None:
    await inviting.desks.activated()
    enrolled = inviting.do(user_by_id, inviting.desks.alice.id)
    with pytest.raises(AlreadyThere, match="has a device already"):
        inviting.invite(enrolled)


@pytest_twisted.ensureDeferred
async def test_all_who_have_no_device_are_invited_and_reminded_together(inviting: Inviting) -> None:
    with inviting.database.writing() as connection:
        for number in range(5):
            add_user(connection, f"user{number}", "simple", f"user{number}@firm.example")
    await inviting.desks.activated()  # alice
    ids = inviting.do(uninvited, inviting.now())
    assert len(ids) == 6
    made = inviting.do(invite_some, inviting.mail, [*ids, inviting.carol.id], ADMIN)
    assert made.sent == 6
    assert made.refused == (("carol", "carol has no mail address"),)
    assert inviting.do(uninvited, inviting.now()) == []
    assert sorted(inviting.do(incomplete, inviting.now())) == sorted(ids)
    await inviting.received()
    assert len({mail.link for mail in inviting.server.mails}) == 6
    listed = inviting.do(list_invitations, inviting.now(), "open", "user")
    assert listed.total == 5
    assert inviting.do(list_invitations, inviting.now() + 31 * DAY, "expired").total == 6


@pytest_twisted.ensureDeferred
async def test_the_copy_hides_the_link_from_who_may_not_issue_it(inviting: Inviting) -> None:
    inviting.invite()
    link = (await inviting.received()).link
    (message,) = inviting.do(search_messages).rows
    assert message.reveals is Permission.MODIFY_DEVICES
    kept = inviting.do(find_message, message.id)
    hidden, shown = as_received(kept, None), as_received(kept, inviting.desks.seeds)
    assert link in shown.text and link in shown.html
    assert link not in hidden.text + hidden.html
    assert HIDDEN in hidden.text
    assert shown.text == inviting.server.mails[-1].text.replace("\r\n", "\n")


# ---------------------------------------------------------------- a device's own link


@pytest_twisted.ensureDeferred
async def test_an_activation_link_is_good_for_a_day_and_no_other_is_sent_before(inviting: Inviting) -> None:
    alice, phone = inviting.desks.alice, inviting.do(find_phone, inviting.desks.phone_id)
    with inviting.database.reading() as connection:
        alice = user_by_id(connection, alice.id)

    def send() -> Any:
        return inviting.do(send_activation, inviting.mail, alice, phone, ADMIN)

    assert send().expires == inviting.now() + DAY
    first = (await inviting.received()).link
    assert first.startswith(f"{BASE_URL}/phone/activate#")
    inviting.desks.now += DAY - 1
    with pytest.raises(AlreadyThere, match="still good"):
        send()
    inviting.desks.now += 1
    send()
    second = (await inviting.received()).link
    assert second != first
    await inviting.desks.claim(WebPhone(), second)
    assert send().expires == inviting.now() + DAY  # claimed: a new phone needs a new one


def test_an_activation_by_sms_hides_its_link_in_the_copy(inviting: Inviting) -> None:
    alice, phone = inviting.desks.alice, inviting.do(find_phone, inviting.desks.phone_id)
    text = inviting.do(activation_text, BASE_URL, inviting.now(), alice, phone, ADMIN)
    assert text.secrets[0] in text.body
    assert text.secrets[0] not in repr(text)
    with pytest.raises(AlreadyThere):
        inviting.do(activation_text, BASE_URL, inviting.now(), alice, phone, ADMIN)
    tablet = inviting.do(add_phone, alice)
    with pytest.raises(BadValue, match="no number"):
        inviting.do(activation_text, BASE_URL, inviting.now(), alice, tablet, ADMIN)
