"""Mail on its way: over TLS and logged in, later if the server is down, never twice, and given up in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.errors import StoreUnavailable
from authproxy.messaging.smtp import Handed, Refused, SmtpServer, Unreachable
from authproxy.secondfactor.messages import find_message
from authproxy.secondfactor.outbox import ATTEMPT_SECONDS, GIVE_UP_SECONDS, Outbox, pause
from authproxy.secret import Secret
from tests.conftest import LoggedFailures
from tests.mail.mailserver import USER, MailServer
from tests.mail.posts import DAY, Posts

TO = "alice@firm.example"
STATE = "SELECT status || ' ' || attempts FROM messages"


@pytest_twisted.ensureDeferred
async def test_mail_arrives_encrypted_logged_in_and_as_it_was_written(posts: Posts, server: MailServer) -> None:
    message_id = posts.post("test", TO)
    await posts.deliver()
    (mail,) = server.mails
    assert (mail.sender, mail.recipients, mail.is_encrypted, mail.login) == ("mfa@firm.example", [TO], True, USER)
    headers = mail.message
    assert headers["From"] == "The Firm <mfa@firm.example>"
    assert headers["Reply-To"] == "help@firm.example"
    assert headers["Subject"] == "Mail from The Firm arrives"
    assert headers["Message-ID"] == f"<{message_id}@firm.example>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "Nothing has to be done" in mail.text
    assert "Nothing has to be done" in mail.html
    assert posts.value(STATE) == "sent 1"
    assert posts.ends == ["sent"]


@pytest_twisted.ensureDeferred
async def test_many_mails_share_a_connection(posts: Posts, server: MailServer) -> None:
    before = server.connections
    for number in range(5):
        posts.post("test", f"user{number}@firm.example")
    await posts.deliver()
    assert sorted(mail.recipients[0] for mail in server.mails) == [f"user{n}@firm.example" for n in range(5)]
    assert server.connections - before == 1


@pytest.mark.parametrize("tls", ["tls", "none"])
@pytest_twisted.ensureDeferred
async def test_other_ways_to_protect_the_connection(tmp_path: Path, tls: str) -> None:
    server = MailServer(tls)
    server.start()
    posts = Posts(tmp_path, server.settings(tmp_path))
    try:
        posts.post("test", TO)
        await posts.deliver()
        assert [mail.is_encrypted for mail in server.mails] == [tls == "tls"]
    finally:
        await posts.postman.stop()
        await posts.writer.stop()
        posts.database.close()
        server.stop()


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_down_gets_the_mail_when_it_is_back(
    posts: Posts, server: MailServer, logged_failures: LoggedFailures
) -> None:
    server.stop()
    message_id = posts.post("test", TO)
    await posts.deliver()
    assert posts.postman.is_down
    with posts.database.reading() as connection:
        waiting = find_message(connection, message_id)
    assert (waiting.status, waiting.attempts) == ("queued", 1)
    assert waiting.next_attempt == posts.now + pause(1)
    assert "Connect" in waiting.problem
    server.start()
    await posts.deliver()
    assert server.mails == []  # not before its time
    posts.now += pause(1)
    await posts.deliver()
    assert len(server.mails) == 1
    assert not posts.postman.is_down
    assert posts.value(STATE) == "sent 2"
    assert posts.value("SELECT problem FROM messages") == ""
    assert posts.ends == ["unreachable", "sent"]


@pytest_twisted.ensureDeferred
async def test_pauses_grow_and_after_two_days_the_mail_is_given_up(posts: Posts, server: MailServer) -> None:
    server.stop()
    posts.post("test", TO)
    waits, begun = [], posts.now
    while posts.value("SELECT status FROM messages") == "queued":
        await posts.deliver()
        due = posts.value("SELECT next_attempt FROM messages")
        if due is not None:
            waits.append(due - posts.now)
            posts.now = due
    assert waits[:6] == [60, 240, 960, 3840, 15_360, 21_600]
    assert set(waits[6:]) == {21_600}
    assert GIVE_UP_SECONDS < posts.now - begun < GIVE_UP_SECONDS + DAY / 4
    assert posts.value("SELECT status FROM messages") == "failed"
    server.start()
    posts.now += DAY
    await posts.deliver()
    assert server.mails == []


@pytest.mark.parametrize(("answer", "state"), [("550 nobody here", "failed 1"), ("450 later", "queued 1")])
@pytest_twisted.ensureDeferred
async def test_a_recipient_that_is_refused_holds_up_nobody_else(
    posts: Posts, server: MailServer, answer: str, state: str
) -> None:
    server.refuses[TO] = answer
    posts.post("test", TO)
    posts.post("test", "bob@firm.example")
    await posts.deliver()
    assert [mail.recipients for mail in server.mails] == [["bob@firm.example"]]
    assert posts.value(f"{STATE} WHERE recipient = '{TO}'") == state
    assert answer.split(" ", 1)[1] in posts.value(f"SELECT problem FROM messages WHERE recipient = '{TO}'")


@pytest_twisted.ensureDeferred
async def test_content_that_is_refused_for_good_is_not_sent_again(posts: Posts, server: MailServer) -> None:
    server.answers_data = "554 looks like spam"
    posts.post("test", TO)
    await posts.deliver()
    assert posts.value(STATE) == "failed 1"
    assert "554 looks like spam" in posts.value("SELECT problem FROM messages")


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_is_not_trusted_gets_nothing(
    tmp_path: Path, posts: Posts, server: MailServer
) -> None:
    MailServer().settings(tmp_path)  # another authority's certificate in its place
    posts.post("test", TO)
    await posts.deliver()
    assert server.mails == []
    assert "certificate" in posts.value("SELECT problem FROM messages").lower()


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_no_fault_of_the_mail(tmp_path: Path, posts: Posts, server: MailServer) -> None:
    wrong = SmtpServer(server.settings(tmp_path, password=Secret("wrong")))
    posts.postman._server = wrong
    posts.post("test", TO)
    await posts.deliver()
    assert posts.value(STATE) == "queued 1"
    assert "535" in posts.value("SELECT problem FROM messages")


@pytest_twisted.ensureDeferred
async def test_what_one_process_has_taken_no_other_sends_until_it_must_be_dead(posts: Posts) -> None:
    posts.post("test", TO)
    mine = await posts.outbox.take()
    assert mine is not None
    other = Outbox(posts.writer, posts.seeds, lambda: posts.now)
    assert await other.take() is None
    posts.now += ATTEMPT_SECONDS
    again = await other.take()
    assert again is not None
    assert (again.id, again.attempts) == (mine.id, 2)


@pytest_twisted.ensureDeferred
async def test_mail_that_is_out_is_not_sent_again_when_noting_it_failed(posts: Posts, server: MailServer) -> None:
    posts.post("test", TO)
    noting = posts.outbox.sent

    async def fails(message_id: str) -> None:
        raise StoreUnavailable("the disk is full")

    posts.outbox.sent = fails  # type: ignore[method-assign]
    await posts.deliver()
    posts.outbox.sent = noting  # type: ignore[method-assign]
    posts.now += ATTEMPT_SECONDS
    await posts.deliver()
    assert len(server.mails) == 1
    assert posts.value("SELECT status FROM messages") == "sent"


@pytest_twisted.ensureDeferred
async def test_stopping_waits_for_the_mail_that_is_being_handed_over(posts: Posts, server: MailServer) -> None:
    for number in range(3):
        posts.post("test", f"user{number}@firm.example")
    posts.clock.advance(1)
    round_ = Deferred.fromCoroutine(posts.postman._deliver_due())
    await posts.postman.stop()
    await round_
    assert len(server.mails) == posts.value("SELECT count(*) FROM messages WHERE status = 'sent'") <= 1


@pytest_twisted.ensureDeferred
async def test_outcomes_of_the_conversation(tmp_path: Path, posts: Posts, server: MailServer) -> None:
    posts.post("test", TO)
    mail = await posts.outbox.take()
    assert mail is not None

    async def outcome(**changed: object) -> object:
        asked = SmtpServer(server.settings(tmp_path, **changed))
        try:
            return await posts.postman._in_loop(asked.deliver(mail))
        finally:
            await posts.postman._in_loop(asked.rest())

    assert await outcome() == Handed()
    assert isinstance(await outcome(tls="none"), Unreachable)  # it wants STARTTLS first
    server.refuses[TO] = "551 moved"
    assert await outcome() == Refused("551 moved", is_final=True)
