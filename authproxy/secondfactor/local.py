"""The embedded second factor: statuses, passcodes, the menu, pushes.

What the user reads tells nothing about the account: a refusal's message depends only on what was typed and on how
the section is set up, never on whether the user exists, is locked out or has a device. The detail is for the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from authproxy.config.settings import ServiceSettings
from authproxy.model import (
    Allowed,
    Ask,
    AuthRequest,
    Choice,
    Factor,
    Identity,
    JsonValue,
    Passcode,
    Prompt,
    Reason,
    Refused,
    Typed,
    Verdict,
)
from authproxy.secondfactor.account import Account, Standing, load_account, note_login, note_strikes
from authproxy.secondfactor.gateways import AsksPush
from authproxy.secondfactor.lockout import LockoutRule
from authproxy.secondfactor.menu import Option, menu_text, read_answer
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.pushes import PushRequest, PushStatus, TooMany
from authproxy.secondfactor.verification import Attempt, Right, Seals, Used, Wrong, verify
from authproxy.store.statements import Connection
from authproxy.store.writer import Writer

DENIED = "Access denied."
USE_PASSCODE = "Phone calls and SMS are not available. Enter your password, a comma, and a passcode."
APPEND_PASSCODE = "Enter your password, a comma, and a passcode."
_MOST_PROMPTS = 3
_ENDS = {
    PushStatus.DENIED: Reason.PUSH_DENIED,
    PushStatus.FRAUD: Reason.PUSH_FRAUD,
    PushStatus.EXPIRED: Reason.TIMED_OUT,
    PushStatus.CANCELLED: Reason.TIMED_OUT,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The user must give a second factor. Thousands of logins hold this while they wait: no more than needed."""

    user_id: str
    username: str


class LocalSecondFactor:
    """Implements ``model.SecondFactor`` for one application (server section)."""

    def __init__(
        self,
        application: str,
        settings: ServiceSettings,
        writer: Writer,
        seals: Seals,
        pushes: AsksPush,
        now: Callable[[], float],
    ) -> None:
        """``now``: epoch seconds."""
        self._application = application
        self._settings = settings
        self._writer = writer
        self._seals = seals
        self._pushes = pushes
        self._now = now
        self._rule = LockoutRule(settings.lockout_after, settings.lockout_seconds)

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        """See ``model.SecondFactor``. Raises StoreUnavailable."""
        return await self._take(who, ask, ask.typed, request, prompts=0)

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        """See ``model.SecondFactor``. Raises StoreUnavailable."""
        ask, prompts = _from_resume(resume)
        typed = read_answer(reply, _options(ask.factors))
        if typed is None and prompts >= _MOST_PROMPTS:
            return Refused(Reason.NO_PASSCODE, detail=f"{prompts} answers were neither an option nor a passcode")
        return await self._take(who, ask, typed, request, prompts)

    async def is_welcome(self, who: Identity) -> bool:
        """Whether the user is known, active or let through, and not locked out. Raises StoreUnavailable."""
        name, now = normalize(who.username, self._settings.username_normalization), self._now()
        standing = await self._writer.run(lambda connection: self._standing(connection, name, now, DENIED))
        return isinstance(standing, Account) or (
            isinstance(standing, Allowed) and standing.factor == "bypass status"
        )

    async def _take(
        self, who: Identity, ask: Ask, typed: Typed | None, request: AuthRequest, prompts: int
    ) -> Verdict:
        name = normalize(who.username, self._settings.username_normalization)
        if isinstance(typed, Passcode):
            return await self._writer.run(self._passcode_job(name, typed.code, ask))
        message = refusal_message(ask, typed)
        asked = await self._look(name, message)
        if not isinstance(asked, Asked):
            return asked
        if typed is None and ask.can_prompt:
            return _prompt(who, ask, prompts + 1)
        refused = _refuse_choice(typed or Choice(None), ask, message)
        return refused or await self._push(asked, request, message)

    # ------------------------------------------------------------ who may go on

    def _look(self, name: str, message: str) -> Deferred[Asked | Allowed | Refused]:
        now = self._now()

        def job(connection: Connection) -> Asked | Allowed | Refused:
            standing = self._standing(connection, name, now, message)
            return Asked(standing.id, standing.username) if isinstance(standing, Account) else standing

        return self._writer.run(job)

    def _standing(
        self, connection: Connection, name: str, now: float, message: str
    ) -> Account | Allowed | Refused:
        """In the writer's thread: whether a second factor is asked of this user at all."""
        account = load_account(connection, name)
        if account is None:
            if self._settings.new_user_policy == "allow":
                return Allowed("not enrolled")
            return Refused(Reason.NOT_ENROLLED, message, detail=f"the service knows no user {name!r}")
        if account.standing is Standing.DISABLED:
            return Refused(Reason.USER_DISABLED, message, detail=account.disabled_by)
        if account.standing is Standing.BYPASS:
            note_login(connection, account, now)
            return Allowed("bypass status")
        if account.strikes.is_locked(now):
            left = round((account.strikes.locked_until or now) - now)
            return Refused(Reason.USER_LOCKED_OUT, message, detail=f"for another {left} s")
        return account

    # ------------------------------------------------------------ passcodes

    def _passcode_job(self, name: str, code: str, ask: Ask) -> Callable[[Connection], Verdict]:
        """Everything about a passcode in one transaction, so that a login costs one commit."""
        now = self._now()
        settings = self._settings
        tokens = Factor.PASSCODE in ask.factors
        attempt = Attempt(code, now, tokens, settings.totp_window, settings.hotp_window)

        def job(connection: Connection) -> Verdict:
            account = self._standing(connection, name, now, DENIED)
            if not isinstance(account, Account):
                return account
            match verify(connection, account, attempt, self._seals):
                case Right(factor, device):
                    note_login(connection, account, now)
                    return Allowed(factor, device=device)
                case Used(detail):
                    return Refused(Reason.REUSED_PASSCODE, factor="passcode", detail=detail)
                case Wrong(detail, is_strike):
                    if is_strike:
                        detail += self._strike(connection, account, now)
                    reason = Reason.BAD_PASSCODE if tokens else Reason.FACTOR_NOT_ALLOWED
                    return Refused(reason, factor="passcode", detail=detail)

        return job

    def _strike(self, connection: Connection, account: Account, now: float) -> str:
        strikes = self._rule.strike(account.strikes, now)
        note_strikes(connection, account, strikes)
        if strikes.locked_until is None:
            return ""
        return f"; {strikes.failures} wrong in a row: locked out for {self._settings.lockout_seconds} s"

    # ------------------------------------------------------------ push

    async def _push(self, asked: Asked, request: AuthRequest, message: str) -> Verdict:
        status = await self._pushes.begin(
            PushRequest(
                asked.user_id,
                asked.username,
                self._application,
                request.client_ip or "",
                request.nas,
                request.login_id,
            )
        )
        if isinstance(status, TooMany):
            detail = f"{status.count} pushes of the last {status.seconds:g} s were not approved"
            return Refused(Reason.TOO_MANY_PUSHES, message, Factor.PUSH, detail)
        if status is not PushStatus.APPROVED:
            return Refused(_ENDS[status], message, Factor.PUSH, f"the push request ended as {status}")
        now = self._now()
        return await self._writer.run(lambda connection: self._approved(connection, asked.username, now, message))

    def _approved(self, connection: Connection, name: str, now: float, message: str) -> Verdict:
        """The user may have been disabled or deleted while the push was pending: that counts."""
        standing = self._standing(connection, name, now, message)
        if isinstance(standing, Account):
            note_login(connection, standing, now)
            return Allowed(Factor.PUSH)
        if isinstance(standing, Allowed) and standing.factor == "not enrolled":
            return Refused(Reason.NOT_ENROLLED, message, Factor.PUSH, "the user was deleted meanwhile")
        return standing


# ---------------------------------------------------------------- what is shown and asked


def refusal_message(ask: Ask, typed: Typed | None) -> str:
    """What a refused user reads; the same for every account, known or not."""
    match typed:
        case Choice(factor=Factor.PHONE | Factor.SMS):
            return USE_PASSCODE
        case Choice(factor=None) | None if Factor.PUSH not in ask.factors:
            return APPEND_PASSCODE
        case _:
            return DENIED


def _refuse_choice(choice: Choice, ask: Ask, message: str) -> Refused | None:
    """Why a factor can't be used; None for the one that can: push, to the one device there is."""
    match choice.factor:
        case None if Factor.PUSH in ask.factors:
            return None
        case None:
            return Refused(Reason.NO_PASSCODE, message, detail="no allowed factor works without being typed")
        case factor if factor not in ask.factors:
            return Refused(Reason.FACTOR_NOT_ALLOWED, message, factor, "the section's factors do not include it")
        case Factor.PUSH if choice.number == 1:
            return None
        case Factor.PUSH:
            detail = f"push{choice.number}: the user has 1 device for it"
            return Refused(Reason.FACTOR_NOT_AVAILABLE, message, Factor.PUSH, detail)
        case factor:
            return Refused(Reason.FACTOR_NOT_AVAILABLE, message, factor, f"{factor} is not supported yet")


def _options(factors: Sequence[Factor]) -> list[Option]:
    """What can be chosen by number. Every active user can be sent a push; calls and SMS are not there yet."""
    return [Option(Factor.PUSH, 1, "your device")] if Factor.PUSH in factors else []


def _prompt(who: Identity, ask: Ask, prompts: int) -> Prompt:
    takes_passcode = Factor.PASSCODE in ask.factors
    text = menu_text(who.username, _options(ask.factors), takes_passcode, ask.prompt_format)
    return Prompt(
        text, {"factors": [str(factor) for factor in ask.factors], "format": ask.prompt_format, "prompts": prompts}
    )


def _from_resume(resume: Mapping[str, JsonValue]) -> tuple[Ask, int]:
    factors, prompt_format, prompts = resume["factors"], resume["format"], resume["prompts"]
    assert isinstance(factors, list)
    assert isinstance(prompt_format, str)
    assert isinstance(prompts, int)
    allowed = tuple(Factor(str(factor)) for factor in factors)
    return Ask(None, allowed, can_prompt=True, prompt_format=prompt_format), prompts
