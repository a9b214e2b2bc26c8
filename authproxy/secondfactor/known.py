"""What is known of a user who must give a second factor, as far as choosing the factor needs it."""

from __future__ import annotations

from dataclasses import dataclass

from authproxy.model import Factor
from authproxy.secondfactor.account import Account, Device
from authproxy.secondfactor.phones import load_phones
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, Phone, reachable
from authproxy.secondfactor.sms_codes import NextCode, next_code
from authproxy.store.statements import Connection


@dataclass(frozen=True, slots=True)
class Known:
    """``devices`` make codes. ``next_code``: of the SMS passcodes that are open."""

    user_id: str
    username: str
    phones: tuple[Phone, ...]
    devices: tuple[Device, ...]
    next_code: NextCode | None

    def is_enrolled(self, lines: Lines) -> bool:
        """Whether there is anything to log in with, but for help from administrators."""
        return bool(self.devices) or any(any(reachable(self.phones, factor, lines)) for factor in OUT_OF_BAND)

    def hint(self, factor: Factor, phone_id: str | None) -> str:
        """How the next SMS passcode begins, if it is this phone where to look for it."""
        if factor is not Factor.SMS or self.next_code is None or self.next_code.phone_id != phone_id:
            return ""
        return self.next_code.first_digit


def load_known(connection: Connection, account: Account, now: float, lines: Lines) -> Known:
    """In the writer's thread."""
    phones = load_phones(connection, account.id)
    code = next_code(connection, account.id, now) if phones and lines.sms else None
    return Known(account.id, account.username, phones, account.devices, code)
