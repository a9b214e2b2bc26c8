"""The way from a login that was allowed back to the application: remembering the browser, and the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue, LoginRecord
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.authorization_codes import Grant, issue_code
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.phone_location import Location, no_location
from authproxy.secondfactor.prompt_claims import SECURITY_KEY, Person, claims_of
from authproxy.secondfactor.prompt_policy import PromptPolicy
from authproxy.secondfactor.prompt_stages import Browser, Going, Gone, PromptRequest, Remembered, Remembering
from authproxy.secondfactor.redirects import with_query
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.remembered_browsers import DAY, remember_browser, use_remembered
from authproxy.secondfactor.sessions import Session, end_one, remember
from authproxy.secondfactor.users import find_user

_TO_REMEMBER: Final = frozenset(("push", "phone", "passcode", "SMS passcode", "hardware token", SECURITY_KEY))


class Leaving:
    """What was decided is in the session's data: ``claims``, and ``days`` if the browser may be remembered."""

    def __init__(
        self, office: Office, now: Callable[[], float], location_of: Callable[[str], Location] = no_location
    ) -> None:
        """``now``: epoch seconds. ``location_of``: an IP address."""
        self._office = office
        self._now = now
        self._location_of = location_of

    async def allowed(
        self,
        session: Session,
        request: PromptRequest,
        app: Application,
        policy: PromptPolicy,
        browser: Browser,
        login: LoginRecord,
    ) -> Session:
        """``login``: the record of an ``Allowed``. The session, which knows it from now on."""
        is_of_use = login.factor in _TO_REMEMBER and not request.must_prove
        days = policy.remember_days if is_of_use else 0
        scope = "" if policy.is_shared else app.ikey
        location = self._location_of(browser.address)

        def allowing(connection: sa.Connection) -> Session:
            person = _person(connection, login.username)
            claims = claims_of(request, app, login, person, browser, location)
            data: dict[str, JsonValue] = {
                "request": request.to_json(),
                "claims": claims,
                "days": days,
                "scope": scope,
            }
            remember(connection, session, data)
            return replace(session, data=data)

        return await self._office.change(allowing)

    async def leave(
        self, session: Session, request: PromptRequest, app: Application
    ) -> Remembering | Going | Gone:
        days = _days(session)
        return Remembering(app.name, request.username, days) if days else await self._going(session, request)

    async def answer_remember(
        self, session: Session, request: PromptRequest, browser: Browser, yes: bool
    ) -> Going | Gone:
        return await self._going(session, request, browser if yes and _days(session) else None)

    async def _going(
        self, session: Session, request: PromptRequest, remembered: Browser | None = None
    ) -> Going | Gone:
        claims = session.data["claims"]
        assert isinstance(claims, dict)

        def leaving(connection: sa.Connection) -> Going | Gone:
            if not end_one(connection, session.kind, session.subject, session.id):
                return Gone()  # it was looked at twice at a time
            code = issue_code(connection, Grant(request.ikey, request.redirect_uri, claims), self._now())
            kept = self._kept(connection, session, claims, remembered) if remembered is not None else None
            return Going(with_query(request.redirect_uri, {"state": request.state, request.code_name: code}), kept)

        return await self._office.change(leaving)

    def _kept(
        self, connection: sa.Connection, session: Session, claims: Mapping[str, JsonValue], browser: Browser
    ) -> Remembered | None:
        user_id, scope, days = _user_id(claims), str(session.data.get("scope", "")), _days(session)
        if not user_id:
            return None
        secret = remember_browser(connection, user_id, scope, days, browser.agent, browser.address, self._now())
        return Remembered(cookie_of(user_id, scope), secret, int(days * DAY))

    async def is_remembered(self, app: Application, user: Known, policy: PromptPolicy, browser: Browser) -> bool:
        """Whether the browser holds for this user's factor."""
        days, scopes = policy.remember_days, ("", app.ikey) if policy.is_shared else (app.ikey,)
        secrets = [browser.cookies.get(cookie_of(user.user_id, scope), "") for scope in scopes]
        if not days or not any(secrets):
            return False
        return await self._office.change(
            lambda connection: any(
                use_remembered(connection, secret, user.user_id, scope, days, self._now())
                for scope, secret in zip(scopes, secrets, strict=True)
                if secret
            )
        )


def cookie_of(user_id: str, scope: str) -> str:
    """A browser may be remembered for several users and applications. ``scope``: an ikey, or "" for all."""
    return f"__Host-known-{sha256(f'{user_id} {scope}'.encode()).hexdigest()[:16]}"


def _days(session: Session) -> int:
    days = session.data.get("days")
    return days if isinstance(days, int) else 0


def _person(connection: sa.Connection, username: str) -> Person:
    """Of users whom nobody knows, only the name."""
    try:
        user = find_user(connection, username, "none")
    except NotFound:
        return Person(name=username)
    return Person(user.id, user.username, user.email, user.groups)


def _user_id(claims: Mapping[str, JsonValue]) -> str:
    context = claims["auth_context"]
    user = context["user"] if isinstance(context, dict) else None
    return str(user["key"]) if isinstance(user, dict) else ""
