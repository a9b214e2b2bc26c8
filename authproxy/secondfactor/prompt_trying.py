"""What a user tries in the prompt by phone or code: one attempt at a time, which goes on by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from authproxy.errors import StoreUnavailable
from authproxy.model import Factor
from authproxy.secondfactor.api_logins import ApiLogins, Origin
from authproxy.secondfactor.authapi import Application, AuthCall, BadParameter, Progress, Who
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.prepared import PreparedPushes
from authproxy.secondfactor.prompt_attempts import Attempt, Attempts
from authproxy.secondfactor.prompt_stages import Browser, PromptRequest
from authproxy.secondfactor.wording import said

_FAILED: Final = Progress("deny", "deny", said("The login could not be completed. Please try again."))
_IMPOSSIBLE: Final = Progress("deny", "deny", said("This way to log in is not possible. Please choose another."))

_log = Logger()


class Trying:
    """``session``: the prompt's ID."""

    def __init__(self, logins: ApiLogins, prepared: PreparedPushes) -> None:
        self._logins = logins
        self._prepared = prepared
        self.attempts = Attempts()

    def phone(
        self,
        session: str,
        app: Application,
        request: PromptRequest,
        browser: Browser,
        origin: Origin,
        user: Known,
        factor: str,
        device: str,
    ) -> None:
        """Sends a push or SMS passcodes, or calls. ``device``: the phone's ID."""
        call = AuthCall(
            factor, device=device, ip_address=browser.address, display_username=request.username, type="Login"
        )
        phone = next((phone for phone in user.phones if phone.id == device), None)
        code = ""
        if factor == Factor.PUSH and origin.policy.verified_push:
            digits = origin.policy.effective.verified_push.digits
            prepared = self._prepared.prepare(app.name, user.username, digits)
            call, code = replace(call, txid=prepared.txid), prepared.code
        self._begin(session, Attempt(factor, phone.label if phone is not None else "", code), app, request, call)

    def passcode(
        self, session: str, app: Application, request: PromptRequest, browser: Browser, passcode: str
    ) -> Deferred[None]:
        """Fires when it is decided."""
        call = AuthCall("passcode", passcode=passcode, ip_address=browser.address)
        return self._begin(session, Attempt("passcode"), app, request, call)

    def _begin(
        self, session: str, attempt: Attempt, app: Application, request: PromptRequest, call: AuthCall
    ) -> Deferred[None]:
        self.attempts.open(session, attempt)
        attempt.running = Deferred.fromCoroutine(self._go_on(attempt, app, request, call))
        return attempt.running

    async def _go_on(self, attempt: Attempt, app: Application, request: PromptRequest, call: AuthCall) -> None:
        try:
            ready = await self._logins.prepare(app, Who(request.username), call)
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
