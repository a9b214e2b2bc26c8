"""The browser prompt's side of a login: from the application's signed request to the code that says it is done.

It drives the same logins as the Auth API, so that lockout, policies, records and pushes are those of every login.
A prompt is a session of the browser (kind ``prompt``); what it waits for is in memory, what was decided is in the
session until the browser has gone back to the application with a code. There is no code without an ``Allowed``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from authproxy.model import Allowed, Factor, JsonValue, LoginRecord, Reason, Refused
from authproxy.secondfactor import api_words, enroll_api
from authproxy.secondfactor.api_logins import ApiLogins, Origin
from authproxy.secondfactor.api_users import ApiUser
from authproxy.secondfactor.authapi import Application, AuthCall, Progress, Who
from authproxy.secondfactor.enroll_api import EnrollApi
from authproxy.secondfactor.enroll_links import VALID_SECONDS, EnrollLinks
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.portal_login import PORTAL
from authproxy.secondfactor.prompt_attempts import Attempt
from authproxy.secondfactor.prompt_claims import REMEMBERED_DEVICE
from authproxy.secondfactor.prompt_keys import PromptKeys
from authproxy.secondfactor.prompt_leaving import Leaving
from authproxy.secondfactor.prompt_policy import PromptPolicy
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
from authproxy.secondfactor.wording import said

SECONDS: Final = 900.0
"""How long a prompt may take."""
KIND: Final = "prompt"
_REGISTERED: Final = Progress("waiting", "registered", said("Your security key is set up. Log in with it now."))
_GOOD_NEWS: Final = ("sent", "registered")


class FindsApplications(Protocol):
    async def find(self, ikey: str) -> Application | None: ...


@dataclass(frozen=True, slots=True)
class _Found:
    """Whose prompt it is, at this moment."""

    session: Session
    request: PromptRequest
    app: Application
    browser: Browser
    origin: Origin
    user: ApiUser
    policy: PromptPolicy


class PromptDesk:
    """Every method may raise StoreUnavailable and SecretError."""

    def __init__(
        self,
        office: Office,
        logins: ApiLogins,
        trying: Trying,
        keys: PromptKeys,
        leaving: Leaving,
        applications: FindsApplications,
        lines: Lines,
        country_of: Callable[[str], str],
        now: Callable[[], float],
        links: EnrollLinks | None = None,
        enrolling: EnrollApi | None = None,
    ) -> None:
        """``now``: epoch seconds. ``links``, ``enrolling``: where to set up a first phone."""
        self._office = office
        self._logins = logins
        self._trying = trying
        self._keys = keys
        self._leaving = leaving
        self._applications = applications
        self._lines = lines
        self._country_of = country_of
        self._now = now
        self._links = links
        self._enrolling = enrolling
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
        request, app = await self._asked(session)
        if app is None:
            return Gone()
        if "claims" in session.data:
            return await self._leaving.leave(session, request, app)
        attempt = self.attempts.of(session.id)
        if attempt is not None and not attempt.is_over:
            status = attempt.progress.status
            return Waiting(app.name, request.username, attempt.factor, attempt.label, status, attempt.code)
        found = await self._find(session, request, app, browser)
        login = attempt.allowed(self._now()) if attempt is not None else None
        if login is not None:
            return await self._allowed(found, login)
        match found.user.standing:
            case Allowed() as allowed:
                return await self._allowed(found, await self._logins.record(found.origin, allowed))
            case Known() as known if self._is_asked(known, found.user):
                return await self._choosing(found, known, attempt)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(found.origin):
                return await self._first_device(found, attempt)
            case Known():
                return await self._closed(found, Refused(Reason.NOT_ENROLLED, detail="the user has no device"))
            case Refused() as refused:
                return await self._closed(found, refused)

    async def _asked(self, session: Session) -> tuple[PromptRequest, Application | None]:
        data = session.data["request"]
        assert isinstance(data, dict)
        request = PromptRequest.of_json(data)
        return request, await self._applications.find(request.ikey)

    async def _find(self, session: Session, request: PromptRequest, app: Application, browser: Browser) -> _Found:
        who = Who(request.username)
        call = AuthCall("auto", ip_address=browser.address)
        origin, user = await self._logins.find(self._logins.origin(app, who, call), who)
        policy = PromptPolicy.of(origin.policy.effective, browser.address, self._country_of)
        return _Found(session, request, app, browser, origin, user, policy)

    async def _whose(self, session: Session, browser: Browser) -> _Found | None:
        """None: the application is gone, or the login is decided already."""
        request, app = await self._asked(session)
        if app is None or "claims" in session.data:
            return None
        return await self._find(session, request, app, browser)

    def _is_asked(self, known: Known, user: ApiUser) -> bool:
        return known.is_enrolled(self._lines) or user.has_bypass_code

    def _enrolls(self, origin: Origin) -> bool:
        return origin.policy.new_user_policy == "enroll" and self._links is not None

    async def _allowed(self, found: _Found, login: LoginRecord) -> Stage:
        session, request, app = found.session, found.request, found.app
        decided = await self._leaving.allowed(session, request, app, found.policy, found.browser, login)
        self.attempts.drop(session.id)
        return await self._leaving.leave(decided, request, app)

    async def _choosing(self, found: _Found, known: Known, attempt: Attempt | None) -> Stage:
        policy, app = found.policy, found.app
        if (
            attempt is None
            and not found.request.must_prove
            and await self._leaving.is_remembered(app, known, policy, found.browser)
        ):
            login = await self._logins.record(found.origin, Allowed(REMEMBERED_DEVICE))
            return await self._allowed(found, login)
        has_key, preferred = await self._keys.preferences(known)
        factors = found.origin.policy.factors
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
            found.request.username,
            tuple(methods),
            Factor.PASSCODE in factors,
            policy.takes_bypass_codes,
            policy.takes_keys and has_key,
            self._has_portal(found),
            _note(attempt),
            self._logins.help_text,
        )

    def _has_portal(self, found: _Found) -> bool:
        return found.app.self_service or found.policy.has_portal

    async def _first_device(self, found: _Found, attempt: Attempt | None) -> Enrolling:
        assert self._enrolling is not None
        phone = await self._enrolling.look(self._ticket(found))
        return Enrolling(found.app.name, found.request.username, phone, found.policy.takes_keys, _note(attempt))

    async def _closed(self, found: _Found, refused: Refused) -> Closed:
        """Recorded once, however often it is looked at; who is locked out by an attempt has that one recorded."""
        session = found.session
        if not session.data.get("is_told") and self.attempts.of(session.id) is None:
            await self._logins.record(found.origin, refused)
            told: dict[str, JsonValue] = {**session.data, "is_told": True}
            await self._office.change(lambda connection: remember(connection, session, told))
        return Closed(found.app.name, api_words.final(refused).message, self._logins.help_text)

    # ------------------------------------------------------------ what the user does

    async def try_phone(self, session: Session, browser: Browser, factor: str, device: str) -> None:
        """Sends a push or SMS passcodes, or calls; it goes on by itself."""
        found = await self._whose(session, browser)
        if found is not None and isinstance(found.user.standing, Known):
            known = found.user.standing
            self._trying.phone(session.id, found.app, found.request, browser, found.origin, known, factor, device)

    async def try_passcode(self, session: Session, browser: Browser, passcode: str) -> None:
        """Decided when it returns."""
        request, app = await self._asked(session)
        if app is not None and "claims" not in session.data:
            await self._trying.passcode(session.id, app, request, browser, passcode)

    def give_up(self, session: Session) -> None:
        """The user wants to choose anew."""
        self.attempts.drop(session.id)

    async def answer_remember(self, session: Session, browser: Browser, yes: bool) -> Stage:
        """Whether this browser shall be remembered; with that the prompt is done."""
        if "claims" not in session.data:
            return await self.look(session, browser)
        request, _ = await self._asked(session)
        return await self._leaving.answer_remember(session, request, browser, yes)

    # ------------------------------------------------------------ to the portal

    async def onward(self, session: Session, browser: Browser) -> str | None:
        """The user whom this prompt shows the way to the portal: one who has something to log in with. None: it
        shows nobody that, or the portal would take the name for somebody else's."""
        found = await self._whose(session, browser)
        if found is None or not self._has_portal(found) or not isinstance(found.user.standing, Known):
            return None
        name, call = found.user.standing.username, AuthCall("auto", ip_address=browser.address)
        is_same = self._logins.origin(PORTAL, Who(name), call).name == name
        return name if is_same and self._is_asked(found.user.standing, found.user) else None

    # ------------------------------------------------------------ security keys

    async def key_options(self, session: Session, browser: Browser) -> JsonValue:
        """For logging in, or for setting up a first one. None: there is nothing to ask a key."""
        found = await self._whose(session, browser)
        if found is None or not found.policy.takes_keys:
            return None
        match found.user.standing:
            case Known() as known if self._is_asked(known, found.user):
                return await self._keys.options(known, session.id, found.policy.verification)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(found.origin):
                return await self._keys.new_options(found.user.name, session.id, found.policy.verification)
            case _:
                return None

    async def key_answer(self, session: Session, browser: Browser, answer: JsonValue) -> None:
        """What the key said to that."""
        found = await self._whose(session, browser)
        if found is None or not found.policy.takes_keys:
            return
        attempt = Attempt("key")
        match found.user.standing:
            case Known() as known if self._is_asked(known, found.user):
                ended = await self._keys.login(found.origin, known, session.id, answer)
                attempt.end(ended.progress, ended)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(found.origin):
                why = await self._keys.register(found.user.name, session.id, answer, browser.address)
                attempt.end(_REGISTERED if why is None else Progress("deny", "deny", why.sentence))
            case _:
                return
        self.attempts.open(session.id, attempt)

    # ------------------------------------------------------------ a first phone

    async def enroll_phone(self, session: Session, browser: Browser) -> None:
        """Waits for a phone from now on."""
        found = await self._whose(session, browser)
        if found is not None and self._enrolling is not None and self._enrolls(found.origin):
            await self._enrolling.begin(self._ticket(found))

    async def phone_stage(self, session: Session, browser: Browser) -> enroll_api.Stage | None:
        """How far the phone is that is being set up; looking changes nothing. None: no phone is."""
        found = await self._whose(session, browser)
        if found is None or self._enrolling is None or self._links is None:
            return None
        return await self._enrolling.look(self._ticket(found))

    def _ticket(self, found: _Found) -> str:
        """The same each time."""
        assert self._links is not None
        return self._links.ticket(found.user.name, found.session.created + VALID_SECONDS)


def _note(attempt: Attempt | None) -> Note | None:
    if attempt is None:
        return None
    return Note(attempt.progress.message, attempt.progress.status not in _GOOD_NEWS)
