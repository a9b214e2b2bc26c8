"""The ledger on a real database: limits, balance, and news in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.config.settings_telephony import Limits, Prices
from authproxy.secondfactor import credits, telephony_view
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.telephony import Booked, Expense, Ledger, OverLimit
from authproxy.secondfactor.telephony_rate import TooOften
from authproxy.store import tables
from authproxy.store.engine import Database, open_sqlite
from authproxy.store.writer import Writer

DAY = 86_400.0
PHONE = Phone("DP1", "", "+12025550143", "", "mobile", "", "")


class Books:
    """A ledger, its database, and a clock that is moved by hand."""

    def __init__(self, directory: Path, prices: Prices) -> None:
        url = f"sqlite:///{directory / 'authproxy.db'}"
        self.writer = Writer(directory / "authproxy.db", open_sqlite(url), reactor)  # type: ignore[arg-type]
        self.writer.start()
        self.database = Database(url)
        self.now = 1_700_000_000.0
        self.prices = prices
        self.ledger = self.with_limits(Limits(1000, 1000))

    def with_limits(self, limits: Limits) -> Ledger:
        return Ledger(self.writer, lambda: self.prices, lambda: self.now, limits)

    def book(self, kind: str = "sms", user: str = "DU1") -> Deferred[Booked | OverLimit | TooOften]:
        return Deferred.fromCoroutine(self.ledger.book(Expense(kind, "passcodes", user, PHONE, "L1")))

    def row(self, number: int) -> dict[str, Any]:
        with self.database.reading() as connection:
            query = sa.select(tables.telephony).where(tables.telephony.c.id == number)
            return dict(connection.execute(query).mappings().one())

    def left(self) -> float | None:
        with self.database.reading() as connection:
            return telephony_view.account(connection).left

    def add(self, amount: float) -> None:
        with self.database.writing() as connection:
            credits.enter(connection, "x", credits.PURCHASE if amount > 0 else credits.CORRECTION, amount, 1.0)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(
        tmp_path, Prices(sms=1.0, call=5.0, user_most=10.0, user_days=30, warn_below=4.0, stops_at_zero=True)
    )
    yield made
    pytest_twisted.blockon(made.writer.stop())
    made.database.close()


async def booked(books: Books, kind: str = "sms", user: str = "DU1") -> int:
    found = await books.book(kind, user)
    assert isinstance(found, Booked), found
    return found.row


@pytest_twisted.ensureDeferred
async def test_what_is_booked_has_four_digits_of_the_number(books: Books) -> None:
    row = books.row(await booked(books))
    assert (row["kind"], row["purpose"], row["status"], row["cost"]) == ("sms", "passcodes", "queued", 1.0)
    assert (row["last_digits"], row["user_id"], row["login_id"], row["at"]) == ("0143", "DU1", "L1", books.now)
    assert PHONE.number not in str(row)


@pytest_twisted.ensureDeferred
async def test_a_user_costs_no_more_than_allowed_within_the_days(books: Books) -> None:
    await booked(books, "call")
    await booked(books, "call")
    assert await books.book() == OverLimit("the user has cost 10 of 10 credits in 30 days (user_cost_max)")
    await booked(books, user="DU2")
    books.now += 30 * DAY + 1
    await booked(books)


@pytest_twisted.ensureDeferred
async def test_many_at_once_keep_to_the_limit(books: Books) -> None:
    found = await gatherResults([books.book() for _ in range(25)])
    assert sum(isinstance(each, Booked) for each in found) == 10


@pytest_twisted.ensureDeferred
async def test_what_came_to_nothing_is_given_back_once(books: Books) -> None:
    books.add(20)
    row = await booked(books, "call")
    assert books.left() == 15.0
    for _ in range(2):
        await books.ledger.note(row, "failed", "no line", refund=True)
    assert (books.left(), books.row(row)["cost"]) == (20.0, 0.0)
    await booked(books, "call")
    await booked(books, "call")


@pytest_twisted.ensureDeferred
async def test_credits_once_added_are_counted_down_to_the_last(books: Books) -> None:
    await booked(books)
    assert books.left() is None
    books.add(2)
    await booked(books)
    assert await books.book("call") == OverLimit("the credits are used up: 1 are left, 5 are needed")
    await booked(books)
    assert await books.book() == OverLimit("the credits are used up: 0 are left, 1 are needed")
    books.add(1.5)
    assert books.left() == 1.5


@pytest_twisted.ensureDeferred
async def test_at_zero_messages_go_on_unless_the_account_says_stop(books: Books) -> None:
    books.prices = replace(books.prices, stops_at_zero=False)
    books.add(1)
    await booked(books)
    await booked(books)
    assert books.left() == -1.0
    books.prices = replace(books.prices, stops_at_zero=True)
    assert await books.book() == OverLimit("the credits are used up: -1 are left, 1 are needed")


@pytest_twisted.ensureDeferred
async def test_few_credits_are_told_once(books: Books) -> None:
    told: list[str] = []

    def hear(event: LogEvent) -> None:
        if "credits are left" in str(event.get("log_format")):
            told.append(str(event["left"]))

    books.add(6)
    globalLogPublisher.addObserver(hear)
    try:
        for _ in range(5):
            await booked(books)
    finally:
        globalLogPublisher.removeObserver(hear)
    assert told == ["3"]


@pytest.mark.parametrize(
    ("news", "end"),
    [
        (["sent", "delivered"], "delivered"),
        (["delivered", "sent"], "delivered"),
        (["failed", "delivered"], "failed"),
        (["ringing", "sent"], "ringing"),
        (["answered", "ringing", "sent"], "answered"),
        (["sent", "ringing", "answered", "confirmed", "answered"], "confirmed"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_news_that_come_late_change_nothing(books: Books, news: list[str], end: str) -> None:
    row = await booked(books)
    for status in news:
        await books.ledger.note(row, status, f"told {status}", provider_id="SM1")
    found = books.row(row)
    assert (found["status"], found["detail"], found["provider_id"]) == (end, f"told {end}", "SM1")
