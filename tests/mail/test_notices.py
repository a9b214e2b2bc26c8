"""Mail to administrators about fraud and credits; copies of text messages; what is forgotten with the logins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import (
    CallSettings,
    HttpGatewaySettings,
    Prices,
    RequestTemplate,
    TelephonySettings,
)
from authproxy.messaging.lines import open_lines
from authproxy.secondfactor.account_settings import AccountSettings, Defaults, change_settings, read_settings
from authproxy.secondfactor.admin_notices import AdminNotices
from authproxy.secondfactor.administrators import add_administrator, change_administrator
from authproxy.secondfactor.fraud import FraudDesk
from authproxy.secondfactor.gateways import FraudReport, Text, TextEnd
from authproxy.secondfactor.messages import as_received, search_messages
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.telephony import BALANCE, Expense, Ledger
from authproxy.store.retention import Kept, prune
from authproxy.store.tables import settings
from tests.mail.mailserver import MailServer
from tests.mail.posts import DAY, Posts
from tests.telephony.stand_ins import Answer, StandIn

REPORT = FraudReport("DU1", "alice", "VPN", "192.0.2.7", "LOGIN1", "push")
PHONE = Phone("DP1", "", "+12025550143", "", "mobile", "", "")
EXPENSE = Expense("sms", "passcodes", "DU1", PHONE, "LOGIN1")


class Office:
    """Administrators of every role, and who writes to them. ``disabled`` is an Owner who is."""

    def __init__(self, posts: Posts, directory: Path) -> None:
        self.posts = posts
        self.defaults = Defaults(ServiceSettings(directory, "sqlite:///"))
        with posts.database.writing() as connection:
            for role in Role:
                name = role.value.lower().replace(" ", "-")
                admin = add_administrator(connection, f"{name}@firm.example", name, role)
                connection.exec_driver_sql("UPDATE administrators SET status = 'active'")
            admin = add_administrator(connection, "disabled@firm.example", "disabled", Role.OWNER)
            change_administrator(connection, admin, {"status": "disabled"})
        self.notices = AdminNotices(posts.writer, posts.mail, self.account)

    def account(self) -> AccountSettings:
        with self.posts.database.reading() as connection:
            return read_settings(connection, self.defaults)

    def set(self, **changes: object) -> None:
        with self.posts.database.writing() as connection:
            change_settings(connection, self.defaults, "test", changes)

    async def written(self) -> list[str]:
        """To whom, once everything has been delivered."""
        await self.posts.writer.touch()
        await self.posts.deliver()
        return sorted(self.posts.value("SELECT group_concat(recipient) FROM messages").split(","))


@pytest.fixture
def office(posts: Posts, tmp_path: Path) -> Office:
    return Office(posts, tmp_path)


@pytest_twisted.ensureDeferred
async def test_a_fraud_report_is_mailed_to_who_may_change_settings(office: Office, server: MailServer) -> None:
    desk = FraudDesk(office.posts.writer, lambda: office.posts.now, False, (office.notices,))
    desk.raised(REPORT)
    assert await office.written() == ["administrator@firm.example", "owner@firm.example"]
    mail = server.mails[0]
    assert mail.message["Subject"] == "Fraud report: alice was asked for a login that was not theirs"
    for told in ("VPN", "192.0.2.7", "LOGIN1", "push"):
        assert told in mail.text
        assert told in mail.html


@pytest_twisted.ensureDeferred
async def test_the_account_says_who_else_is_told_of_fraud_or_that_nobody_is(office: Office) -> None:
    office.set(fraud_email="soc@firm.example, night@firm.example")
    office.notices.raised(REPORT)
    assert await office.written() == ["night@firm.example", "soc@firm.example"]
    office.set(fraud_email_enabled=False)
    office.notices.raised(REPORT)
    assert await office.written() == ["night@firm.example", "soc@firm.example"]


@pytest_twisted.ensureDeferred
async def test_credits_that_run_out_are_told_once(office: Office, server: MailServer) -> None:
    ledger = Ledger(office.posts.writer, lambda: Prices(warn_below=10.0), lambda: office.posts.now)
    ledger.on_low_credit = office.notices.notify_low_credit
    with office.posts.database.writing() as connection:
        connection.execute(settings.insert().values(key=BALANCE, value="11"))
    for _ in range(3):
        await ledger.book(EXPENSE)
    assert len(await office.written()) == 2
    assert server.mails[0].message["Subject"] == "9 telephony credits are left"
    assert "fewer than 10" in server.mails[0].text


# ---------------------------------------------------------------- text messages


@pytest.mark.parametrize(
    ("answer", "end", "status"), [(200, TextEnd.ACCEPTED, "sent"), (400, TextEnd.FAILED, "failed")]
)
@pytest_twisted.ensureDeferred
async def test_a_text_message_is_kept_without_its_codes(
    posts: Posts, answer: int, end: TextEnd, status: str
) -> None:
    gateway, closers = StandIn(), list[Callable[[], Any]]()
    gateway.faults.append(Answer(answer, b""))
    own = HttpGatewaySettings(sms=RequestTemplate(f"{gateway.url}/sms", body="{text}"))
    telephony = TelephonySettings(own, "Firm", "", Prices(), CallSettings())
    ledger = Ledger(posts.writer, Prices, lambda: posts.now)
    lines = open_lines(telephony, "", b"k" * 32, ledger, reactor, closers, posts.outbox)
    text = Text(PHONE, "DU1", "Codes: 1234567 2345678", "passcodes", "L1", ("1234567", "2345678"))
    try:
        assert lines.texts is not None
        assert await lines.texts.send(text) is end
        await posts.writer.touch()
        with posts.database.reading() as connection:
            (kept,) = search_messages(connection).rows
        assert (kept.kind, kept.purpose, kept.recipient) == ("sms", "passcodes", "+12025550143")
        assert (kept.sender, kept.status) == ("Firm", status)
        assert kept.text == "Codes: {1} {2}"
        assert as_received(kept, posts.seeds).text == "Codes: 1234567 2345678"
        assert await posts.outbox.take() is None  # nobody mails it
    finally:
        for closer in closers:
            await closer()
        gateway.stop()


@pytest_twisted.ensureDeferred
async def test_messages_are_forgotten_after_their_days(posts: Posts) -> None:
    posts.post("test", "old@firm.example")
    posts.now += DAY
    posts.post("test", "new@firm.example")
    kept = Kept(logins=0, messages=1, telephony=0, audit=0)
    assert (await Deferred.fromCoroutine(prune(posts.writer, kept, posts.now + 1)))["messages"] == 1
    assert posts.value("SELECT group_concat(recipient) FROM messages") == "new@firm.example"
