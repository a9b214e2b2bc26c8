"""What is known of a user who must give a second factor, as far as choosing the factor needs it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import Factor
from authproxy.secondfactor.account import Account, Device
from authproxy.secondfactor.phones import load_phones
from authproxy.secondfactor.policy_merge import DEFAULT_POLICY, Effective
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, Phone, reachable
from authproxy.secondfactor.sms_codes import NextCode, next_code
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import security_keys

_ANY_KEY = compiled(
    sa.select(security_keys.c.id)
    .where(security_keys.c.user_id == bindparam("user"))
    .limit(sa.literal_column("1"))
    .offset(sa.literal_column("0"))
)


@dataclass(frozen=True, slots=True)
class Known:
    """``devices`` make codes. ``next_code``: of the SMS passcodes that are open. ``has_security_key``: looked up
    only where there are no ``devices``."""

    user_id: str
    username: str
    phones: tuple[Phone, ...]
    devices: tuple[Device, ...]
    next_code: NextCode | None
    has_security_key: bool = False
    policy: Effective = DEFAULT_POLICY

    def is_enrolled(self, lines: Lines) -> bool:
        """Whether there is anything to log in with, but for help from administrators. A security key counts where
        it is of no use, too: whoever knows only the password must not enroll a phone beside it."""
        if self.devices or self.has_security_key:
            return True
        return any(any(reachable(self.phones, factor, lines)) for factor in OUT_OF_BAND)

    def hint(self, factor: Factor, phone_id: str | None) -> str:
        """How the next SMS passcode begins, if it is this phone where to look for it."""
        if factor is not Factor.SMS or self.next_code is None or self.next_code.phone_id != phone_id:
            return ""
        return self.next_code.first_digit


def load_known(connection: Connection, account: Account, now: float, lines: Lines) -> Known:
    """In the writer's thread."""
    phones = load_phones(connection, account.id)
    code = next_code(connection, account.id, now) if phones and lines.sms else None
    has_key = not account.devices and bool(connection.execute(_ANY_KEY, {"user": account.id}).fetchall())
    return Known(account.id, account.username, phones, account.devices, code, has_key, account.policy)
