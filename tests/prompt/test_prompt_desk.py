"""How long what was approved counts, where the browser is, and what is told of too many messages: the desk, with
time that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.model import JsonValue
from authproxy.secondfactor.api_logins import ApiLogins
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.authorization_codes import redeem_code
from authproxy.secondfactor.gateways import TextEnd
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.outofband import OutOfBand
from authproxy.secondfactor.phone_location import Location
from authproxy.secondfactor.prepared import PreparedPushes
from authproxy.secondfactor.prompt_attempts import FETCHED_WITHIN
from authproxy.secondfactor.prompt_desk import KIND, SECONDS, PromptDesk
from authproxy.secondfactor.prompt_guests import Guests
from authproxy.secondfactor.prompt_keys import PromptKeys
from authproxy.secondfactor.prompt_leaving import Leaving
from authproxy.secondfactor.prompt_stages import Browser, Choosing, Going, PromptRequest, Stage, Waiting
from authproxy.secondfactor.prompt_trying import Trying
from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.sessions import Session, find_session
from authproxy.secondfactor.webauthn import Ceremonies
from authproxy.store.engine import Database
from authproxy.store.journal import StoreJournal
from tests.secondfactor.local_service import LocalService

APP = Application("wiki", "websdk", "DIWIKI", b"key")
REQUEST = PromptRequest(APP.ikey, "https://wiki.test/cb", "state", "", "alice", "code")
BERN = Browser("198.51.100.7", "Firefox/141.0")
BASE_URL = "https://mfa.example"


class Applications:
    async def find(self, ikey: str) -> Application | None:
        return APP if ikey == APP.ikey else None


class Prompts:
    """alice has a phone with an app and a number."""

    def __init__(self, directory: Path) -> None:
        self.service = service = LocalService(directory, Clock(), has_lines=True)
        self.office = Office(Database(service.url), reactor, lambda: None)  # type: ignore[arg-type]
        now, journal, prepared = service.now, StoreJournal(service.writer), PreparedPushes(lambda: 0.0)
        ways = OutOfBand(service.book, service.writer, service.seals, service.pushes, service.gateways, now)
        book, writer, seals = service.book, service.writer, service.seals
        logins = ApiLogins(book, writer, seals, ways, prepared, journal, lambda login: None, now, lambda: 0.0)
        self.desk = PromptDesk(
            self.office,
            logins,
            Guests(logins, Applications(), service.gateways.lines, lambda address: ""),
            Trying(logins, prepared),
            PromptKeys(self.office, Ceremonies(BASE_URL, now), logins, ways),
            Leaving(self.office, now, lambda address: Location("Bern", "", "Switzerland")),
            service.gateways.lines,
            now,
        )
        self.phone = service.add_phone(service.add_user())

    async def session(self) -> Session:
        cookie, now = (await self.desk.open(REQUEST, BERN)).cookie, self.service.now()
        found = await self.office.glance(lambda connection: find_session(connection, KIND, cookie, now, SECONDS))
        assert found is not None
        return found

    async def look(self, session: Session) -> Stage:
        return await self.desk.look(session, BERN)

    async def approved(self) -> Session:
        """A prompt whose push was approved while nobody looked."""
        session = await self.session()
        await self.desk.try_phone(session, BERN, "push", self.phone)
        assert isinstance(await self.look(session), Waiting)
        await self.service.pushes.decide(await self.service.only_push(), PushStatus.APPROVED, "phone")
        await self.over(session)
        return session

    async def over(self, session: Session) -> None:
        attempt = self.desk.attempts.of(session.id)
        assert attempt is not None
        assert attempt.running is not None
        await attempt.running

    async def claims(self, stage: Stage) -> dict[str, JsonValue]:
        assert isinstance(stage, Going)
        code, now = stage.url.rpartition("code=")[2], self.service.now()
        claims = await self.office.change(
            lambda connection: redeem_code(connection, code, APP.ikey, REQUEST.redirect_uri, now)
        )
        assert claims is not None
        return dict(claims)


@pytest.fixture
def prompts(tmp_path: Path) -> Iterator[Prompts]:
    made = Prompts(tmp_path)
    yield made
    made.desk.stop()
    made.office.close()
    pytest_twisted.blockon(Deferred.fromCoroutine(made.service.stop()))


@pytest_twisted.ensureDeferred
async def test_an_approved_push_counts_for_a_page_that_looks_within_a_minute(prompts: Prompts) -> None:
    session = await prompts.approved()
    prompts.service.now.now += FETCHED_WITHIN
    assert isinstance(await prompts.look(session), Going)


@pytest_twisted.ensureDeferred
async def test_what_nobody_looked_at_for_a_minute_lets_nobody_in_any_more(prompts: Prompts) -> None:
    session = await prompts.approved()
    prompts.service.now.now += FETCHED_WITHIN + 1
    for _ in range(2):
        stage = await prompts.look(session)
        assert isinstance(stage, Choosing)
        assert stage.note is not None
        assert (stage.note.is_bad, stage.note.text[:22]) == (True, "The login was approved")
    await prompts.desk.try_phone(session, BERN, "push", prompts.phone)
    await prompts.service.pushes.decide(await prompts.service.only_push(), PushStatus.APPROVED, "phone")
    await prompts.over(session)
    assert isinstance(await prompts.look(session), Going)


@pytest_twisted.ensureDeferred
async def test_the_application_is_told_where_the_browser_is(prompts: Prompts) -> None:
    claims = await prompts.claims(await prompts.look(await prompts.approved()))
    context = claims["auth_context"]
    assert isinstance(context, dict)
    browser, phone = context["access_device"], context["auth_device"]
    assert isinstance(browser, dict)
    assert isinstance(phone, dict)
    assert browser["location"] == {"city": "Bern", "state": None, "country": "Switzerland"}
    assert phone["location"] == {"city": None, "state": None, "country": None}


@pytest_twisted.ensureDeferred
async def test_who_asked_for_too_many_messages_reads_it_and_may_choose_another_way(prompts: Prompts) -> None:
    prompts.service.texts.end = TextEnd.TOO_OFTEN
    session = await prompts.session()
    await prompts.desk.try_phone(session, BERN, "sms", prompts.phone)
    await prompts.over(session)
    stage = await prompts.look(session)
    assert isinstance(stage, Choosing)
    assert stage.note is not None
    assert stage.note.text.startswith("Too many messages and calls were asked for lately.")
