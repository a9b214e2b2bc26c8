"""Whether a second factor is asked of a user at all: statuses, lockout, and users whom nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authproxy.model import Allowed, Reason, Refused
from authproxy.secondfactor.account import Account, Standing, load_account, note_login
from authproxy.secondfactor.wording import DENIED
from authproxy.store.statements import Connection

NOT_ENROLLED: Final = "not enrolled"
BYPASS_STATUS: Final = "bypass status"
_A_LONG_TIME = 100 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Admission:
    """``new_user_policy``: deny, allow or enroll; to enroll is up to the caller, here it denies."""

    new_user_policy: str

    def judge(
        self, connection: Connection, name: str, now: float, message: str = DENIED
    ) -> Account | Allowed | Refused:
        """In the writer's thread. ``name``: normalized. ``message``: what a refused user reads."""
        account = load_account(connection, name)
        if account is None:
            if self.new_user_policy == "allow":
                return Allowed(NOT_ENROLLED, is_given=False)
            return Refused(Reason.NOT_ENROLLED, message, detail=f"the service knows no user {name!r}")
        if account.standing is Standing.DISABLED:
            return Refused(Reason.USER_DISABLED, message, detail=account.disabled_by)
        if account.standing is Standing.BYPASS:
            note_login(connection, account, now)
            return Allowed(BYPASS_STATUS, is_given=False)
        if account.strikes.is_locked(now):
            return Refused(Reason.USER_LOCKED_OUT, message, detail=_how_long(account, now))
        return account


def _how_long(account: Account, now: float) -> str:
    left = (account.strikes.locked_until or now) - now
    return f"for another {round(left)} s" if left < _A_LONG_TIME else "until an administrator unlocks"
