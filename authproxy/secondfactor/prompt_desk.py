"""The browser prompt's side of a login: from the application's signed request to the code that says it is done.

It drives the same logins as the Auth API, so that lockout, policies, records and pushes are those of every login.
A prompt is a session of the browser (kind ``prompt``); what it waits for is in memory, what was decided is in the
session until the browser has gone back to the application with a code. There is no code without an ``Allowed``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

import sqlalchemy as sa
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from authproxy.errors import StoreUnavailable
from authproxy.model import Allowed, Factor, JsonValue, LoginRecord, Reason, Refused
from authproxy.secondfactor import api_words, enroll_api
from authproxy.secondfactor.api_logins import ApiLogins, Origin, Ready
from authproxy.secondfactor.api_users import ApiUser
from authproxy.secondfactor.authapi import Application, AuthCall, BadParameter, Progress, Who
from authproxy.secondfactor.authorization_codes import Grant, issue_code
from authproxy.secondfactor.enroll_api import EnrollApi
from authproxy.secondfactor.enroll_links import VALID_SECONDS, EnrollLinks
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.prepared import PreparedPushes
from authproxy.secondfactor.prompt_attempts import Attempt, Attempts
from authproxy.secondfactor.prompt_claims import REMEMBERED_DEVICE, Person, claims_of
from authproxy.secondfactor.prompt_keys import PromptKeys
from authproxy.secondfactor.prompt_policy import PromptPolicy
from authproxy.secondfactor.prompt_stages import (
    Browser,
    Choosing,
    Closed,
    Enrolling,
    Going,
    Gone,
    Method,
    Note,
    PromptRequest,
    Remembered,
    Remembering,
    Stage,
    Waiting,
)
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, can
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.remembered_browsers import DAY, remember_browser, use_remembered
from authproxy.secondfactor.sessions import Opened, Session, end_one, open_session, remember
from authproxy.secondfactor.users import find_user

SECONDS: Final = 900.0
"""How long a prompt may take."""
KIND: Final = "prompt"
_FAILED = Progress("deny", "deny", "The login could not be completed. Please try again.")
_IMPOSSIBLE = Progress("deny", "deny", "This way to log in is not possible. Please choose another.")

_log = Logger()


class FindsApplications(Protocol):
    async def find(self, ikey: str) -> Application | None: ...


class PromptDesk:
    """Every method may raise StoreUnavailable and SecretError."""

    def __init__(
        self,
        office: Office,
        logins: ApiLogins,
        prepared: PreparedPushes,
        keys: PromptKeys,
        applications: FindsApplications,
        lines: Lines,
        now: Callable[[], float],
        links: EnrollLinks | None = None,
        enrolling: EnrollApi | None = None,
    ) -> None:
        """``now``: epoch seconds. ``links``, ``enrolling``: where to set up a first phone."""
        self._office = office
        self._logins = logins
        self._prepared = prepared
        self._keys = keys
        self._applications = applications
        self._lines = lines
        self._now = now
        self._links = links
        self._enrolling = enrolling
        self.attempts = Attempts()

    async def open(self, request: PromptRequest, browser: Browser) -> Opened:
        """A prompt for what an application has asked."""

        def opening(connection: sa.Connection) -> Opened:
            return open_session(
                connection,
                KIND,
                "",
                SECONDS,
                browser.address,
                browser.agent,
                self._now(),
                {"request": request.to_json()},
            )

        return await self._office.change(opening)

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
            return await self._leave(session, request, app)
        attempt = self.attempts.of(session.id)
        if attempt is not None and not attempt.is_over:
            status = attempt.progress.status
            return Waiting(app.name, request.username, attempt.factor, attempt.label, status, attempt.code)
        ended = attempt.ended if attempt is not None else None
        if ended is not None and isinstance(ended.verdict, Allowed):
            return await self._allowed(session, request, app, browser, ended.login)
        origin, user = await self._find(request, app, browser)
        said = _note(attempt) if attempt is not None else None
        match user.standing:
            case Allowed() as allowed:
                login = await self._logins.record(origin, allowed)
                return await self._allowed(session, request, app, browser, login)
            case Known() as known if known.is_enrolled(self._lines) or user.has_bypass_code:
                if said is None and await self._is_remembered(app, known, browser):
                    login = await self._logins.record(origin, Allowed(REMEMBERED_DEVICE))
                    return await self._allowed(session, request, app, browser, login)
                return await self._choosing(request, app, origin, user, known, said)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(origin):
                return await self._enrolling_stage(session, request, app, user.name, said)
            case Known():
                return await self._closed(session, origin, app, Refused(Reason.NOT_ENROLLED))
            case Refused() as refused:
                return await self._closed(session, origin, app, refused)

    async def _asked(self, session: Session) -> tuple[PromptRequest, Application | None]:
        data = session.data["request"]
        assert isinstance(data, dict)
        request = PromptRequest.of_json(data)
        return request, await self._applications.find(request.ikey)

    async def _find(self, request: PromptRequest, app: Application, browser: Browser) -> tuple[Origin, ApiUser]:
        who = Who(request.username)
        origin = self._logins.origin(app, who, AuthCall("auto", ip_address=browser.address))
        return await self._logins.find(origin, who)

    async def _choosing(
        self,
        request: PromptRequest,
        app: Application,
        origin: Origin,
        user: ApiUser,
        known: Known,
        said: Note | None,
    ) -> Choosing:
        factors = origin.policy.factors
        methods = [
            Method(str(factor), phone.id, phone.label, known.hint(factor, phone.id))
            for factor in OUT_OF_BAND
            if factor in factors
            for phone in known.phones
            if can(phone, factor, self._lines)
        ]
        has_key = PromptPolicy.of(app).takes_keys and await self._keys.has_key(known)
        takes_passcodes = Factor.PASSCODE in factors
        return Choosing(
            app.name, request.username, tuple(methods), takes_passcodes, has_key, app.self_service, said
        )

    def _enrolls(self, origin: Origin) -> bool:
        return origin.policy.new_user_policy == "enroll" and self._links is not None

    async def _closed(self, session: Session, origin: Origin, app: Application, refused: Refused) -> Closed:
        """Recorded once, however often it is looked at; who is locked out by an attempt has that one recorded."""
        if not session.data.get("is_told") and self.attempts.of(session.id) is None:
            await self._logins.record(origin, refused)
            await self._office.change(
                lambda connection: remember(connection, session, {**session.data, "is_told": True})
            )
        return Closed(app.name, api_words.final(refused).message)

    # ------------------------------------------------------------ trying

    async def try_phone(self, session: Session, browser: Browser, factor: str, device: str) -> None:
        """Sends a push or SMS passcodes, or calls; it goes on by itself."""
        request, app = await self._asked(session)
        if app is None:
            return
        call = AuthCall(
            factor, device=device, ip_address=browser.address, display_username=request.username, type="Login"
        )
        origin, user = await self._find(request, app, browser)
        if not isinstance(user.standing, Known):
            return
        phone = next((phone for phone in user.standing.phones if phone.id == device), None)
        label, code = phone.label if phone is not None else "", ""
        if factor == Factor.PUSH and origin.policy.verified_push:
            prepared = self._prepared.prepare(app.name, user.standing.username)
            call, code = replace(call, txid=prepared.txid), prepared.code
        self._begin(session, Attempt(factor, label, code), app, request, call)

    async def try_passcode(self, session: Session, browser: Browser, passcode: str) -> None:
        """Decided when it returns."""
        request, app = await self._asked(session)
        if app is not None:
            call = AuthCall("passcode", passcode=passcode, ip_address=browser.address)
            await self._begin(session, Attempt("passcode"), app, request, call)

    def _begin(
        self, session: Session, attempt: Attempt, app: Application, request: PromptRequest, call: AuthCall
    ) -> Deferred[None]:
        self.attempts.open(session.id, attempt)
        going = Deferred.fromCoroutine(self._go_on(attempt, app, request, call))
        attempt.running = going
        return going

    async def _go_on(self, attempt: Attempt, app: Application, request: PromptRequest, call: AuthCall) -> None:
        try:
            ready: Ready = await self._logins.prepare(app, Who(request.username), call)
            ended = await self._logins.run(ready, attempt.advance)
            attempt.end(ended.progress, ended)
        except CancelledError:
            pass  # another way was chosen, or the service stops
        except BadParameter:
            attempt.end(_IMPOSSIBLE)
        except StoreUnavailable as error:
            _log.error("{app}: {problem}", app=app.name, problem=str(error))
            attempt.end(_FAILED)
        except Exception:
            _log.failure("{app}: internal error", app=app.name)
            attempt.end(_FAILED)

    def give_up(self, session: Session) -> None:
        """The user wants to choose anew."""
        self.attempts.drop(session.id)

    # ------------------------------------------------------------ security keys

    async def key_options(self, session: Session, browser: Browser) -> JsonValue:
        """For logging in, or for setting up a first one. None: there is nothing to ask a key."""
        request, app = await self._asked(session)
        if app is None or not PromptPolicy.of(app).takes_keys:
            return None
        policy = PromptPolicy.of(app)
        origin, user = await self._find(request, app, browser)
        match user.standing:
            case Known() as known if known.is_enrolled(self._lines) or user.has_bypass_code:
                return await self._keys.options(known, session.id, policy.verification)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(origin):
                return await self._keys.new_options(user.name, session.id, policy.verification)
            case _:
                return None

    async def key_answer(self, session: Session, browser: Browser, answer: JsonValue) -> None:
        """What the key said to that."""
        request, app = await self._asked(session)
        if app is None or not PromptPolicy.of(app).takes_keys:
            return
        origin, user = await self._find(request, app, browser)
        attempt = Attempt("key")
        self.attempts.open(session.id, attempt)
        match user.standing:
            case Known() as known if known.is_enrolled(self._lines) or user.has_bypass_code:
                ended = await self._keys.login(origin, known, session.id, answer)
                attempt.end(ended.progress, ended)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(origin):
                why = await self._keys.register(user.name, session.id, answer, browser.address)
                attempt.end(_REGISTERED if why is None else Progress("deny", "deny", why.sentence))
            case _:
                self.attempts.drop(session.id)

    # ------------------------------------------------------------ a first phone

    async def _enrolling_stage(
        self, session: Session, request: PromptRequest, app: Application, name: str, said: Note | None
    ) -> Enrolling:
        assert self._enrolling is not None
        stage = await self._enrolling.look(self._ticket(session, name))
        return Enrolling(app.name, request.username, stage, PromptPolicy.of(app).takes_keys, said)

    async def enroll_phone(self, session: Session, browser: Browser) -> None:
        """Waits for a phone from now on."""
        request, app = await self._asked(session)
        if app is None or self._enrolling is None:
            return
        origin, user = await self._find(request, app, browser)
        if self._enrolls(origin):
            await self._enrolling.begin(self._ticket(session, user.name))

    async def phone_stage(self, session: Session, browser: Browser) -> enroll_api.Stage | None:
        """How far the phone is that is being set up; looking changes nothing. None: no phone is."""
        request, app = await self._asked(session)
        if app is None or self._enrolling is None:
            return None
        _, user = await self._find(request, app, browser)
        return await self._enrolling.look(self._ticket(session, user.name))

    def _ticket(self, session: Session, name: str) -> str:
        """The same each time."""
        assert self._links is not None
        return self._links.ticket(name, session.created + VALID_SECONDS)

    # ------------------------------------------------------------ the user is in

    async def _allowed(
        self, session: Session, request: PromptRequest, app: Application, browser: Browser, login: LoginRecord
    ) -> Stage:
        """``login``: of an ``Allowed``."""
        days = PromptPolicy.of(app).remember_days if login.factor in _TO_REMEMBER else 0

        def allowing(connection: sa.Connection) -> Session:
            person = _person(connection, login.username)
            claims = claims_of(request, app, login, person, browser)
            data: dict[str, JsonValue] = {"request": request.to_json(), "claims": claims, "days": days}
            remember(connection, session, data)
            return replace(session, data=data)

        decided = await self._office.change(allowing)
        self.attempts.drop(session.id)
        return await self._leave(decided, request, app)

    async def _leave(self, session: Session, request: PromptRequest, app: Application) -> Stage:
        days = session.data.get("days")
        if isinstance(days, int) and days:
            return Remembering(app.name, request.username, days)
        return await self._going(session, request)

    async def answer_remember(self, session: Session, browser: Browser, yes: bool) -> Stage:
        """Whether this browser shall be remembered; with that the prompt is done."""
        request, app = await self._asked(session)
        days = session.data.get("days")
        if app is None or not isinstance(days, int) or not days or "claims" not in session.data:
            return await self.look(session, browser)
        return await self._going(session, request, days if yes else 0, browser)

    async def _going(
        self, session: Session, request: PromptRequest, days: int = 0, browser: Browser | None = None
    ) -> Going | Gone:
        claims = session.data["claims"]
        assert isinstance(claims, dict)

        def leaving(connection: sa.Connection) -> tuple[str, Remembered | None] | None:
            if not end_one(connection, KIND, "", session.id):
                return None  # it was looked at twice at a time
            code = issue_code(connection, Grant(request.ikey, request.redirect_uri, claims), self._now())
            user_id = _user_id(claims)
            if not days or browser is None or not user_id:
                return code, None
            secret = remember_browser(
                connection, user_id, request.ikey, days, browser.agent, browser.address, self._now()
            )
            return code, Remembered(remember_name(user_id, request.ikey), secret, int(days * DAY))

        left = await self._office.change(leaving)
        return Gone() if left is None else Going(_back(request, left[0]), left[1])

    async def _is_remembered(self, app: Application, known: Known, browser: Browser) -> bool:
        days = PromptPolicy.of(app).remember_days
        secret = browser.cookies.get(remember_name(known.user_id, app.ikey), "")
        if not days or not secret:
            return False
        return await self._office.change(
            lambda connection: use_remembered(connection, secret, known.user_id, app.ikey, days, self._now())
        )


_REGISTERED = Progress("waiting", "registered", "Your security key is set up. Log in with it now.")
_TO_REMEMBER: Final = frozenset(("push", "phone", "passcode", "sms", "security key"))


def remember_name(user_id: str, ikey: str) -> str:
    """Of the cookie: one for each user and application."""
    return f"__Host-known-{sha256(f'{user_id} {ikey}'.encode()).hexdigest()[:16]}"


def _note(attempt: Attempt) -> Note:
    return Note(attempt.progress.message, attempt.progress.status not in ("sent", "registered"))


def _person(connection: sa.Connection, username: str) -> Person:
    """Of users whom nobody knows, nothing."""
    try:
        user = find_user(connection, username, "none")
    except NotFound:
        return Person(name=username)
    return Person(user.id, user.username, user.email, tuple(user.groups))


def _user_id(claims: dict[str, JsonValue]) -> str:
    context = claims["auth_context"]
    user = context["user"] if isinstance(context, dict) else None
    return str(user["key"]) if isinstance(user, dict) else ""


def _back(request: PromptRequest, code: str) -> str:
    """The redirect URI with its own query, then ours."""
    parts = urlsplit(request.redirect_uri)
    ours = urlencode({"state": request.state, request.code_name: code})
    return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))
