"""Logging in to the portal: the password as at any appliance, then the prompt, whose code opens a session.

The portal is an application of the prompt like any other, but one that only this process can speak for. What the
prompt lets in without a second factor (by a status, a network, a remembered browser) does not come in here: who
adds a device must have one, or a bypass code.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.authorization_codes import redeem_code
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.portal_sessions import open_portal
from authproxy.secondfactor.prompt_stages import Browser, PromptRequest
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.sessions import Opened, Session

PORTAL: Final = Application("portal", "websdk", "PORTAL", b"")
"""Its name is what policies are assigned to; nobody can sign for it, for it has no key."""

_PROVEN: Final = frozenset(
    ("duo_push", "phone_call", "passcode", "sms_passcode", "hardware_token", "bypass_code", "security_key")
)

ChecksPassword = Callable[[str, bytes, str], Awaitable[str | None]]
"""User name, password and the browser's address; the name as the directory has it, or None. May raise
PrimaryUnavailable."""


class FindsApplications(Protocol):
    async def find(self, ikey: str) -> Application | None: ...


class OpensPrompts(Protocol):
    async def open(self, request: PromptRequest, browser: Browser) -> Opened: ...

    async def onward(self, session: Session, browser: Browser) -> str | None:
        """The user whom this prompt shows the way to the portal; None: it shows nobody that."""
        ...


class WithPortal:
    """The applications, and the portal among them."""

    def __init__(self, others: FindsApplications) -> None:
        self._others = others

    async def find(self, ikey: str) -> Application | None:
        return PORTAL if ikey == PORTAL.ikey else await self._others.find(ikey)


class PortalLogin:
    """``checks_password`` None: the portal is only reached from prompts."""

    def __init__(
        self,
        office: Office,
        prompts: OpensPrompts,
        checks_password: ChecksPassword | None,
        base_url: str,
        now: Callable[[], float],
    ) -> None:
        self._office = office
        self._prompts = prompts
        self._checks_password = checks_password
        self._callback = f"{base_url}/portal/callback"
        self._now = now

    @property
    def takes_passwords(self) -> bool:
        return self._checks_password is not None

    async def check(self, username: str, password: bytes, address: str) -> str | None:
        """The user's name; None: it is not so. Raises PrimaryUnavailable."""
        if self._checks_password is None or not username or not password:
            return None
        return await self._checks_password(username, password, address)

    async def from_prompt(self, session: Session, browser: Browser) -> tuple[Opened, str] | None:
        """As :meth:`prompt`, for whom an application has just sent to its own. None: that one leads nowhere."""
        name = await self._prompts.onward(session, browser)
        return None if name is None else await self.prompt(name, browser)

    async def prompt(self, username: str, browser: Browser) -> tuple[Opened, str]:
        """A prompt for a user whose password was right, and the state that comes back with its code."""
        state = secrets.token_urlsafe(24)
        request = PromptRequest(PORTAL.ikey, self._callback, state, "", username, "code", must_prove=True)
        return await self._prompts.open(request, browser), state

    async def enter(self, code: str, browser: Browser) -> Opened | None:
        """A session of the portal for the prompt's code; None: the code is no good. Raises NotDone when no second
        factor was given."""
        now = self._now()

        def entering(connection: sa.Connection) -> Opened | None:
            claims = redeem_code(connection, code, PORTAL.ikey, self._callback, now)
            if claims is None:
                return None
            return open_portal(connection, _proven(claims), browser.address, browser.agent, now)

        return await self._office.change(entering)


def _proven(claims: Mapping[str, JsonValue]) -> str:
    """The user's ID. Raises NotDone."""
    context = claims.get("auth_context")
    user = context.get("user") if isinstance(context, dict) else None
    user_id = user.get("key") if isinstance(user, dict) else None
    if not isinstance(context, dict) or context.get("factor") not in _PROVEN or not isinstance(user_id, str):
        raise NotDone("the portal needs a second factor or a bypass code; ask your help desk")
    return user_id
