"""The browser prompt's side of a login: from the application's signed request to the code that says it is done.

It drives the same logins as the Auth API, so that lockout, policies, records and pushes are those of every login.
A prompt is a session of the browser (kind ``prompt``); what it waits for is in memory, what was decided is in the
session until the browser has gone back to the application with a code. There is no code without an ``Allowed``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from authproxy.model import Allowed, Factor, JsonValue, LoginRecord, Reason, Refused
from authproxy.secondfactor import api_words, enroll_api
from authproxy.secondfactor.api_logins import ApiLogins
from authproxy.secondfactor.authapi import AuthCall, Who
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.portal_login import PORTAL
from authproxy.secondfactor.prompt_attempts import Attempt
from authproxy.secondfactor.prompt_claims import REMEMBERED_DEVICE
from authproxy.secondfactor.prompt_guests import Guest, Guests
from authproxy.secondfactor.prompt_keys import PromptKeys
from authproxy.secondfactor.prompt_leaving import Leaving
from authproxy.secondfactor.prompt_newcomers import REGISTERED, Newcomers
from authproxy.secondfactor.prompt_stages import (
    Browser,
    Choosing,
    Closed,
    Enrolling,
    Gone,
    Method,
    Note,
    PromptRequest,
    Stage,
    Waiting,
)
from authproxy.secondfactor.prompt_trying import Trying
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, can
from authproxy.secondfactor.sessions import Opened, Session, open_session, remember

SECONDS: Final = 900.0
"""How long a prompt may take."""
KIND: Final = "prompt"
_GOOD_NEWS: Final = ("sent", REGISTERED)


class PromptDesk:
    """Every method may raise StoreUnavailable and SecretError."""

    def __init__(
        self,
        office: Office,
        logins: ApiLogins,
        guests: Guests,
        trying: Trying,
        keys: PromptKeys,
        leaving: Leaving,
        lines: Lines,
        now: Callable[[], float],
        newcomers: Newcomers | None = None,
    ) -> None:
        """``now``: epoch seconds."""
        self._office = office
        self._logins = logins
        self._guests = guests
        self._trying = trying
        self._keys = keys
        self._leaving = leaving
        self._lines = lines
        self._now = now
        self._newcomers = newcomers
        self.attempts = trying.attempts

    async def open(self, request: PromptRequest, browser: Browser) -> Opened:
        """A prompt for what an application has asked."""
        data: dict[str, JsonValue] = {"request": request.to_json()}
        return await self._office.change(
            lambda connection: open_session(
                connection, KIND, "", SECONDS, browser.address, browser.agent, self._now(), data
            )
        )

    def hang_up(self) -> None:
        """Pages that wait look again, at whoever answers then."""
        self.attempts.hang_up()

    def stop(self) -> None:
        """Gives up what goes on."""
        self.attempts.stop()

    # ------------------------------------------------------------ where the prompt is

    async def look(self, session: Session, browser: Browser) -> Stage:
        """What to show now. Looking is what finishes a login that was decided meanwhile."""
        request, app = await self._guests.asked(session)
        if app is None:
            return Gone()
        if "claims" in session.data:
            return await self._leaving.leave(session, request, app)
        attempt = self.attempts.of(session.id)
        if attempt is not None and not attempt.is_over:
            status = attempt.progress.status
            return Waiting(app.name, request.username, attempt.factor, attempt.label, status, attempt.code)
        guest = await self._guests.find(session, request, app, browser)
        login = attempt.allowed(self._now()) if attempt is not None else None
        if login is not None:
            return await self._allowed(guest, login)
        match guest.user.standing:
            case Allowed() as allowed:
                return await self._allowed(guest, await self._logins.record(guest.origin, allowed))
            case _ if guest.known is not None:
                return await self._choosing(guest, guest.known, attempt)
            case _ if guest.may_enroll and self._newcomers is not None:
                phone = await self._newcomers.phone(guest)
                return Enrolling(app.name, request.username, phone, guest.policy.takes_keys, _note(attempt))
            case Known():
                return await self._closed(guest, Refused(Reason.NOT_ENROLLED, detail="the user has no device"))
            case Refused() as refused:
                return await self._closed(guest, refused)

    async def _allowed(self, guest: Guest, login: LoginRecord) -> Stage:
        session, request, app = guest.session, guest.request, guest.app
        decided = await self._leaving.allowed(session, request, app, guest.policy, guest.browser, login)
        self.attempts.drop(session.id)
        return await self._leaving.leave(decided, request, app)

    async def _choosing(self, guest: Guest, known: Known, attempt: Attempt | None) -> Stage:
        policy, app = guest.policy, guest.app
        if (
            attempt is None
            and not guest.request.must_prove
            and await self._leaving.is_remembered(app, known, policy, guest.browser)
        ):
            login = await self._logins.record(guest.origin, Allowed(REMEMBERED_DEVICE))
            return await self._allowed(guest, login)
        has_key, preferred = await self._keys.preferences(known)
        factors = guest.origin.policy.factors
        methods = [
            Method(str(factor), phone.id, phone.called, known.hint(factor, phone.id))
            for factor in OUT_OF_BAND
            if factor in factors
            for phone in known.phones
            if can(phone, factor, self._lines)
        ]
        methods.sort(key=lambda method: f"{method.factor}:{method.device}" != preferred)
        return Choosing(
            app.name,
            guest.request.username,
            tuple(methods),
            Factor.PASSCODE in factors,
            policy.takes_bypass_codes,
            policy.takes_keys and has_key,
            guest.has_portal,
            _note(attempt),
            self._logins.help_text,
        )

    async def _closed(self, guest: Guest, refused: Refused) -> Closed:
        """Recorded once, however often it is looked at; who is locked out by an attempt has that one recorded."""
        session = guest.session
        if not session.data.get("is_told") and self.attempts.of(session.id) is None:
            await self._logins.record(guest.origin, refused)
            told: dict[str, JsonValue] = {**session.data, "is_told": True}
            await self._office.change(lambda connection: remember(connection, session, told))
        return Closed(guest.app.name, api_words.final(refused).message, self._logins.help_text)

    # ------------------------------------------------------------ what the user does

    async def try_phone(self, session: Session, browser: Browser, factor: str, device: str) -> None:
        """Sends a push or SMS passcodes, or calls; it goes on by itself."""
        guest = await self._guests.of(session, browser)
        if guest is not None and guest.known is not None:
            self._trying.phone(
                session.id, guest.app, guest.request, browser, guest.origin, guest.known, factor, device
            )

    async def try_passcode(self, session: Session, browser: Browser, passcode: str) -> None:
        """Decided when it returns."""
        request, app = await self._guests.asked(session)
        if app is not None and "claims" not in session.data:
            await self._trying.passcode(session.id, app, request, browser, passcode)

    def give_up(self, session: Session) -> None:
        """The user wants to choose anew."""
        self.attempts.drop(session.id)

    async def answer_remember(self, session: Session, browser: Browser, yes: bool) -> Stage:
        """Whether this browser shall be remembered; with that the prompt is done."""
        if "claims" not in session.data:
            return await self.look(session, browser)
        request, _ = await self._guests.asked(session)
        return await self._leaving.answer_remember(session, request, browser, yes)

    # ------------------------------------------------------------ to the portal

    async def onward(self, session: Session, browser: Browser) -> str | None:
        """The user whom this prompt shows the way to the portal: one who has something to log in with. None: it
        shows nobody that, or the portal would take the name for somebody else's."""
        guest = await self._guests.of(session, browser)
        if guest is None or guest.known is None or not guest.has_portal:
            return None
        name, call = guest.known.username, AuthCall("auto", ip_address=browser.address)
        return name if self._logins.origin(PORTAL, Who(name), call).name == name else None

    # ------------------------------------------------------------ security keys

    async def key_options(self, session: Session, browser: Browser) -> JsonValue:
        """For logging in, or for setting up a first one. None: there is nothing to ask a key."""
        guest = await self._guests.of(session, browser)
        if guest is None or not guest.policy.takes_keys:
            return None
        if guest.known is not None:
            return await self._keys.options(guest.known, session.id, guest.policy.verification)
        if guest.may_enroll and self._newcomers is not None:
            return await self._newcomers.key_options(guest)
        return None

    async def key_answer(self, session: Session, browser: Browser, answer: JsonValue) -> None:
        """What the key said to that."""
        guest = await self._guests.of(session, browser)
        if guest is None or not guest.policy.takes_keys:
            return
        if guest.known is not None:
            attempt = Attempt("key")
            ended = await self._keys.login(guest.origin, guest.known, session.id, answer)
            attempt.end(ended.progress, ended)
            self.attempts.open(session.id, attempt)
        elif guest.may_enroll and self._newcomers is not None:
            self.attempts.open(session.id, await self._newcomers.key_answer(guest, answer))

    # ------------------------------------------------------------ a first phone

    async def enroll_phone(self, session: Session, browser: Browser) -> None:
        """Waits for a phone from now on."""
        guest = await self._guests.of(session, browser)
        if guest is not None and guest.may_enroll and self._newcomers is not None:
            await self._newcomers.begin_phone(guest)

    async def phone_stage(self, session: Session, browser: Browser) -> enroll_api.Stage | None:
        """How far the phone is that is being set up; looking changes nothing. None: no phone is."""
        guest = await self._guests.of(session, browser)
        return await self._newcomers.phone(guest) if guest is not None and self._newcomers is not None else None


def _note(attempt: Attempt | None) -> Note | None:
    if attempt is None:
        return None
    return Note(attempt.progress.message, attempt.progress.status not in _GOOD_NEWS)
