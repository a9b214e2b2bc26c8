"""The ledger of messages and calls: what each cost, whom, how it ended, and what is left.

An expense is booked before the gateway is asked and undone when nothing was sent. The balance is kept in
``settings``; without one credits are counted, but never used up. At zero messages and calls go on, and the balance
falls below it, unless the account's settings say ``stop``. What logins ask for is limited in number, too: see
``telephony_rate``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam
from twisted.logger import Logger

from authproxy.config.settings_telephony import Limits, Prices
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.telephony_rate import BY_LOGINS, Rate, TooOften
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import settings, telephony
from authproxy.store.writer import Writer

BALANCE: Final = "telephony_credits"
OPEN: Final = ("queued", "sent", "ringing", "answered")  # in this order; whatever else is an end
_DAY = 86_400.0
_LIMITS = Limits()
SHOWN_DIGITS = 4
_LONGEST_DETAIL = 200

_literal = sa.literal_column
_has_balance = settings.c.key == _literal(f"'{BALANCE}'")
_SPENT = compiled(
    sa.select(sa.func.coalesce(sa.func.sum(telephony.c.cost), _literal("0"))).where(
        telephony.c.user_id == bindparam("owner"), telephony.c.at > bindparam("since")
    )
)
_LEFT = compiled(sa.select(settings.c.value).where(_has_balance))
_SET_LEFT = compiled(settings.update().where(_has_balance).values(value=bindparam("amount")))
_BOOK = compiled(
    telephony.insert()
    .values(
        at=bindparam("now"),
        kind=bindparam("kind"),
        purpose=bindparam("purpose"),
        user_id=bindparam("owner"),
        phone_id=bindparam("phone_id"),
        last_digits=bindparam("last_digits"),
        status=_literal("'queued'"),
        provider_id=_literal("NULL"),
        detail=_literal("''"),
        cost=bindparam("cost"),
        login_id=bindparam("login_id"),
    )
    .returning(telephony.c.id)
)
_is_row = telephony.c.id == bindparam("row")


def _advance(before: Sequence[str]) -> str:
    is_before = telephony.c.status.in_([_literal(f"'{status}'") for status in before])
    moved = telephony.update().where(_is_row, is_before)
    return compiled(moved.values(status=bindparam("state"), detail=bindparam("told")))


_ADVANCE = {status: _advance(OPEN[:at]) for at, status in enumerate(OPEN) if at}
_END = _advance(OPEN)
_IDENTIFY = compiled(telephony.update().where(_is_row).values(provider_id=bindparam("provider")))
_COST = compiled(sa.select(telephony.c.cost).where(_is_row))
_REFUND = compiled(telephony.update().where(_is_row).values(cost=_literal("0")))

_log = Logger()


@dataclass(frozen=True, slots=True)
class Expense:
    """``kind``: sms or call. ``purpose``: passcodes, activation, login ..."""

    kind: str
    purpose: str
    user_id: str
    phone: Phone
    login_id: str


@dataclass(frozen=True, slots=True)
class Booked:
    """``row`` is its number in the ledger."""

    row: int


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Not booked: nothing may be sent."""

    why: str


def _nobody(left: float, threshold: float) -> None:
    pass


class Ledger:
    """Every method may raise StoreUnavailable. ``now``: epoch seconds. ``on_low_credit`` is told what is left when
    that falls below what administrators want to hear of."""

    def __init__(
        self,
        writer: Writer,
        prices: Callable[[], Prices],
        now: Callable[[], float],
        limits: Limits = _LIMITS,
    ) -> None:
        self._writer = writer
        self._prices = prices
        self._now = now
        self._rate = Rate(limits)
        self.on_low_credit: Callable[[float, float], None] = _nobody

    async def book(self, expense: Expense) -> Booked | OverLimit | TooOften:
        booked, left = await self._writer.run(lambda connection: self._book(connection, expense))
        if isinstance(booked, TooOften) and booked.news:
            _log.warn("telephony: {news}", news=booked.news, login=expense.login_id)
        cost = self._price(expense.kind)
        if left is not None and left < self._prices().warn_below <= left + cost:
            _log.warn("telephony: {left} credits are left", left=f"{left:g}")
            self.on_low_credit(left, self._prices().warn_below)
        return booked

    async def note(
        self, row: int, status: str, detail: str = "", provider_id: str = "", *, refund: bool = False
    ) -> None:
        """How it went on. News that comes late changes nothing, and an end stays.
        ``refund``: it cost nothing after all."""
        told: Parameters = {"row": row, "state": status, "told": detail[:_LONGEST_DETAIL]}

        def job(connection: Connection) -> None:
            connection.execute(_ADVANCE.get(status, _END), told)
            if provider_id:
                connection.execute(_IDENTIFY, {"row": row, "provider": provider_id})
            if refund:
                _give_back(connection, row)

        await self._writer.run(job)

    # ------------------------------------------------------------ in the writer's thread

    def _price(self, kind: str) -> float:
        return self._prices().sms if kind == "sms" else self._prices().call

    def _book(
        self, connection: Connection, expense: Expense
    ) -> tuple[Booked | OverLimit | TooOften, float | None]:
        if expense.purpose in BY_LOGINS:
            too_often = self._rate.check(connection, expense.user_id, expense.phone, self._now())
            if too_often is not None:
                return too_often, None
        cost, left = self._price(expense.kind), credits_left(connection)
        if self._prices().stops_at_zero and left is not None and left < cost:
            return OverLimit(f"the credits are used up: {left:g} are left, {cost:g} are needed"), None
        why = self._why_not(connection, expense.user_id, cost)
        if why:
            return OverLimit(why), None
        if left is not None:
            left -= cost
            connection.execute(_SET_LEFT, {"amount": repr(left)})
        row: Parameters = {
            "now": self._now(),
            "kind": expense.kind,
            "purpose": expense.purpose,
            "owner": expense.user_id,
            "phone_id": expense.phone.id,
            "last_digits": expense.phone.number[-SHOWN_DIGITS:],
            "cost": cost,
            "login_id": expense.login_id,
        }
        found = connection.execute(_BOOK, row).fetchone()
        assert found is not None
        return Booked(found[0]), left

    def _why_not(self, connection: Connection, user_id: str, cost: float) -> str:
        prices = self._prices()
        most, days = prices.user_most, prices.user_days
        if not most or not cost:
            return ""
        since = self._now() - days * _DAY
        found = connection.execute(_SPENT, {"owner": user_id, "since": since}).fetchone()
        spent = float(found[0]) if found else 0.0
        if spent + cost <= most:
            return ""
        return f"the user has cost {spent:g} of {most:g} credits in {days} days (user_cost_max)"


def credits_left(connection: Connection) -> float | None:
    """None: they are not counted down."""
    found = connection.execute(_LEFT, {}).fetchone()
    return float(found[0]) if found else None


def _give_back(connection: Connection, row: int) -> None:
    found = connection.execute(_COST, {"row": row}).fetchone()
    left = credits_left(connection)
    if found is None or not found[0]:
        return
    connection.execute(_REFUND, {"row": row})
    if left is not None:
        connection.execute(_SET_LEFT, {"amount": repr(left + found[0])})
