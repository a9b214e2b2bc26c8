"""Whose prompt it is: the application that asks, its user, and what applies to both. Found anew at each look, for
all of that may change meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.model import Reason, Refused
from authproxy.secondfactor.api_logins import ApiLogins, Origin
from authproxy.secondfactor.api_users import ApiUser
from authproxy.secondfactor.authapi import Application, AuthCall, Who
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.portal_login import FindsApplications
from authproxy.secondfactor.prompt_policy import PromptPolicy
from authproxy.secondfactor.prompt_stages import Browser, PromptRequest
from authproxy.secondfactor.reach import Lines
from authproxy.secondfactor.sessions import Session


@dataclass(frozen=True, slots=True)
class Guest:
    """``known``: the user, if there is something to log in with. ``may_enroll``: there is nothing, and the policy
    lets them set up a first device."""

    session: Session
    request: PromptRequest
    app: Application
    browser: Browser
    origin: Origin
    user: ApiUser
    policy: PromptPolicy
    known: Known | None
    may_enroll: bool

    @property
    def has_portal(self) -> bool:
        return self.app.self_service or self.policy.has_portal


class Guests:
    """Every method may raise StoreUnavailable and SecretError."""

    def __init__(
        self,
        logins: ApiLogins,
        applications: FindsApplications,
        lines: Lines,
        country_of: Callable[[str], str],
    ) -> None:
        self._logins = logins
        self._applications = applications
        self._lines = lines
        self._country_of = country_of

    async def asked(self, session: Session) -> tuple[PromptRequest, Application | None]:
        """None: the application is gone."""
        data = session.data["request"]
        assert isinstance(data, dict)
        request = PromptRequest.of_json(data)
        return request, await self._applications.find(request.ikey)

    async def of(self, session: Session, browser: Browser) -> Guest | None:
        """None: the application is gone, or the login is decided already."""
        request, app = await self.asked(session)
        if app is None or "claims" in session.data:
            return None
        return await self.find(session, request, app, browser)

    async def find(self, session: Session, request: PromptRequest, app: Application, browser: Browser) -> Guest:
        who = Who(request.username)
        call = AuthCall("auto", ip_address=browser.address)
        origin, user = await self._logins.find(self._logins.origin(app, who, call), who)
        policy = PromptPolicy.of(origin.policy.effective, browser.address, self._country_of)
        known = self._known(user)
        may_enroll = known is None and _is_newcomer(user) and origin.policy.new_user_policy == "enroll"
        return Guest(session, request, app, browser, origin, user, policy, known, may_enroll)

    def _known(self, user: ApiUser) -> Known | None:
        known = user.standing
        if isinstance(known, Known) and (known.is_enrolled(self._lines) or user.has_bypass_code):
            return known
        return None


def _is_newcomer(user: ApiUser) -> bool:
    match user.standing:
        case Known() | Refused(reason=Reason.NOT_ENROLLED):
            return True
        case _:
            return False
