"""A passcode from the attempt to the verdict: verification, strikes and lockout in one job on the database."""

from __future__ import annotations

from collections.abc import Sequence

from authproxy.model import Allowed, Entry, Factor, Reason, Refused
from authproxy.secondfactor.account import Account, note_login, note_strikes
from authproxy.secondfactor.admission import Admission, standing
from authproxy.secondfactor.lockout import LockoutRule
from authproxy.secondfactor.policy_merge import Effective
from authproxy.secondfactor.policy_sections import BYPASS_CODE, HARDWARE_TOKEN, PASSCODE, SMS
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.verification import Attempt, Right, Seals, Used, Wrong, verify
from authproxy.store.statements import Connection
from authproxy.store.writer import Job
from authproxy.value import value

_CODES = frozenset((PASSCODE, HARDWARE_TOKEN, SMS))
_CODES_OR_BYPASS = _CODES | {BYPASS_CODE}


@value
class Tried:
    """``has_locked``: this was the attempt that locked the user out."""

    verdict: Allowed | Refused
    has_locked: bool = False


class Passcodes:
    def __init__(self, book: Rulebook, seals: Seals) -> None:
        self._book = book
        self._seals = seals

    def trying(
        self, admission: Admission, name: str, code: str, factors: Sequence[Factor], now: float
    ) -> Job[Tried]:
        """Everything about a passcode in one transaction, so that a login costs one commit."""

        def job(connection: Connection) -> Tried:
            account = admission.judge(connection, name, now)
            if not isinstance(account, Account):
                return Tried(account)
            left_out, settings = left_out_by(account.policy), self._book.service
            tokens = Factor.PASSCODE in factors and not left_out >= _CODES
            attempt = Attempt(code, now, tokens, settings.totp_window, settings.hotp_window, left_out)
            match verify(connection, account, attempt, self._seals):
                case Right(factor, device):
                    note_login(connection, account, now)
                    return Tried(Allowed(factor, device=device))
                case Used(detail):
                    return Tried(Refused(Reason.REUSED_PASSCODE, factor="passcode", detail=detail))
                case Wrong(detail):
                    if left_out:
                        detail += (
                            f"; {account.policy.who_decided('factors')} leave out {', '.join(sorted(left_out))}"
                        )
                    locked = self._strike(connection, account, now)
                    reason = Reason.BAD_PASSCODE if tokens else Reason.FACTOR_NOT_ALLOWED
                    return Tried(Refused(reason, factor="passcode", detail=detail + locked), locked != "")

        return job

    def wrong_proof(self, admission: Admission, name: str, now: float) -> Job[Refused]:
        """The user approved a push, but typed another code than the phone showed: a strike, too."""

        def job(connection: Connection) -> Refused:
            account = standing(connection, name, now)
            if isinstance(account, Refused):
                return account
            locked = ""
            if isinstance(account, Account):
                locked = self._strike(connection, account.under(admission.policy(connection, account)), now)
            detail = "not the code that the phone showed" + locked
            return Refused(Reason.WRONG_NUMBER, factor=Factor.PUSH, detail=detail)

        return job

    def _strike(self, connection: Connection, account: Account, now: float) -> str:
        """One more wrong code. What to add to the detail when it locks the user out, else nothing."""
        lockout = account.policy.lockout
        strikes = LockoutRule(lockout.threshold, lockout.seconds).strike(account.strikes, now)
        note_strikes(connection, account, strikes)
        if strikes.locked_until is None:
            return ""
        how_long = f"for {lockout.seconds} s" if lockout.seconds else "until an administrator unlocks"
        return f"; {strikes.failures} wrong in a row: locked out {how_long}"


def left_out_by(policy: Effective) -> frozenset[str]:
    """The kinds of codes that do not count."""
    return _CODES_OR_BYPASS - policy.factors.allowed


def recorded(trying: Job[Tried], entry: Entry | None) -> Job[Tried]:
    """The attempt, with the login's record behind it in the same transaction."""
    if entry is None:
        return trying

    def job(connection: Connection) -> Tried:
        tried = trying(connection)
        entry.write(connection, tried.verdict)
        return tried

    return job
