"""How often logins may have people called or sent messages: each user, each number, and all together.

Counted in the rows of the ledger, in the transaction that books the next one: every door asks here, and no other
limit that a site has lifted lifts this one. What administrators send is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.config.settings_telephony import Limits
from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note_at
from authproxy.secondfactor.reach import Phone
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import phones, telephony, users

BY_LOGINS: Final = ("passcodes", "login")
"""Purposes of what somebody can cause who knows a password."""

_is_recent = sa.and_(
    telephony.c.at > bindparam("since"),
    telephony.c.purpose.in_([sa.literal_column(f"'{purpose}'") for purpose in BY_LOGINS]),
)
_count = sa.select(sa.func.count()).select_from(telephony).where(_is_recent)
_OF_USER: Final = compiled(_count.where(telephony.c.user_id == bindparam("owner")))
_TO_NUMBER: Final = compiled(
    _count.join(phones, phones.c.id == telephony.c.phone_id).where(phones.c.number == bindparam("number"))
)
_OF_ALL: Final = compiled(_count)
_NAME: Final = compiled(sa.select(users.c.username).where(users.c.id == bindparam("owner")))


@dataclass(frozen=True, slots=True)
class TooOften:
    """Not booked: nothing may be sent. ``option``: whose limit is reached. ``news``: what the log is to say of it;
    empty: it has said so lately."""

    option: str
    news: str = ""


class Rate:
    """For the writer's thread. That a limit is reached is said once in its ``seconds``, to the log and in the
    administrators' log."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._told: dict[tuple[str, str], float] = {}  # until when it needs not be said again

    def check(self, connection: Connection, user_id: str, phone: Phone, now: float) -> TooOften | None:
        """``now``: epoch seconds. None: one more may go out."""
        limits = self._limits
        keys: Parameters = {"owner": user_id, "number": phone.number, "since": now - limits.seconds}
        for option, who, sql, most in (
            ("user_rate", user_id, _OF_USER, limits.user),
            ("number_rate", phone.id, _TO_NUMBER, limits.number),
            ("total_rate", "", _OF_ALL, limits.everybody),
        ):
            (count,) = connection.execute(sql, keys).fetchall()[0]
            if count >= most:
                is_new = self._told.get((option, who), now) <= now
                return TooOften(option, self._tell(connection, option, who, most, keys, now) if is_new else "")
        return None

    def _tell(self, connection: Connection, option: str, who: str, most: int, keys: Parameters, now: float) -> str:
        self._told = {key: until for key, until in self._told.items() if until > now}
        self._told[option, who] = now + self._limits.seconds
        found = connection.execute(_NAME, keys).fetchone()
        name, seconds = str(found[0]) if found else "nobody", self._limits.seconds
        told: dict[str, JsonValue] = {"limit": option, "most": most, "seconds": seconds}
        note_at(connection, now, "system", "telephony limit", name, told)
        return f"{option}={most} in {seconds} s is reached: what logins of {name} ask for is not sent for now"
