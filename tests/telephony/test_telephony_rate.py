"""How often logins may have people called or sent messages: counted where all doors book, and told once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.config.settings_telephony import Limits, Prices
from authproxy.secondfactor.phones import add_phone, find_phone
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.telephony import Booked, Expense, OverLimit
from authproxy.secondfactor.telephony_rate import TooOften
from authproxy.secondfactor.users import User, add_user
from authproxy.store import tables
from tests.telephony.test_ledger import Books

LIMITS = Limits(user=3, number=4, everybody=5, seconds=600)
NUMBER, OTHER = "+12025550143", "+12025550144"


class People:
    """alice, bob and carol; alice's and bob's phones have one number."""

    def __init__(self, directory: Path) -> None:
        self.books = Books(directory, Prices(sms=0.0, call=0.0))
        self.books.ledger = self.books.with_limits(LIMITS)
        self.users: dict[str, User] = {}
        self.phones: dict[str, Phone] = {}
        with self.books.database.writing() as connection:
            for name, number in (("alice", NUMBER), ("bob", NUMBER), ("carol", OTHER)):
                user = self.users[name] = add_user(connection, name, "none")
                row = find_phone(connection, add_phone(connection, user, number).id)
                self.phones[name] = Phone(row.id, "", row.number, "", row.type, "", "")

    def book(self, name: str, kind: str = "sms", purpose: str = "") -> Deferred[Booked | OverLimit | TooOften]:
        purpose = purpose or ("passcodes" if kind == "sms" else "login")
        expense = Expense(kind, purpose, self.users[name].id, self.phones[name], "L1")
        return Deferred.fromCoroutine(self.books.ledger.book(expense))

    async def are_booked(self, name: str, count: int) -> None:
        for _ in range(count):
            assert isinstance(await self.book(name), Booked)

    def on_record(self) -> list[tuple[str, Any]]:
        query = sa.select(tables.audit.c.object, tables.audit.c.detail).where(
            tables.audit.c.action == "telephony limit"
        )
        with self.books.database.reading() as connection:
            return [(name, json.loads(detail)) for name, detail in connection.execute(query)]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    made = People(tmp_path)
    yield made
    pytest_twisted.blockon(made.books.writer.stop())
    made.books.database.close()


@pytest_twisted.ensureDeferred
async def test_a_user_is_sent_no_more_than_a_few_though_they_cost_nothing(people: People) -> None:
    await people.are_booked("alice", 2)
    assert isinstance(await people.book("alice", "call"), Booked)
    assert isinstance(found := await people.book("alice"), TooOften)
    assert (found.option, "alice" in found.news) == ("user_rate", True)
    assert await people.book("alice", "call") == TooOften("user_rate")
    people.books.now += LIMITS.seconds + 1
    await people.are_booked("alice", 1)


@pytest_twisted.ensureDeferred
async def test_a_number_is_sent_no_more_whoevers_phone_it_is(people: People) -> None:
    await people.are_booked("alice", 3)
    await people.are_booked("bob", 1)
    assert isinstance(found := await people.book("bob"), TooOften)
    assert found.option == "number_rate"
    await people.are_booked("carol", 1)


@pytest_twisted.ensureDeferred
async def test_all_together_are_sent_no_more_and_many_at_once_keep_to_it(people: People) -> None:
    found = await gatherResults([people.book(name) for name in ("alice", "carol") for _ in range(10)])
    assert sum(isinstance(each, Booked) for each in found) == 5
    last = await people.book("carol")
    assert isinstance(last, TooOften)
    assert last.option == "total_rate"


@pytest_twisted.ensureDeferred
async def test_what_administrators_send_is_neither_limited_nor_counted(people: People) -> None:
    for _ in range(10):
        assert isinstance(await people.book("alice", purpose="activation"), Booked)
    await people.are_booked("alice", 3)


@pytest_twisted.ensureDeferred
async def test_a_limit_is_on_record_and_in_the_log_once_in_its_time(people: People) -> None:
    told: list[str] = []

    def hear(event: LogEvent) -> None:
        if "is reached" in str(event.get("news", "")):
            told.append(str(event["news"]))

    record = ("alice", {"limit": "user_rate", "most": 3, "seconds": 600})
    globalLogPublisher.addObserver(hear)
    try:
        await people.are_booked("alice", 3)
        for _ in range(4):
            assert isinstance(await people.book("alice"), TooOften)
        assert people.on_record() == [record]
        assert len(told) == 1
        people.books.now += LIMITS.seconds + 1
        await people.are_booked("alice", 3)
        assert isinstance(await people.book("alice"), TooOften)
    finally:
        globalLogPublisher.removeObserver(hear)
    assert people.on_record() == [record, record]
    assert told[0] == "user_rate=3 in 600 s is reached: what logins of alice ask for is not sent for now"
    assert NUMBER not in "".join(told)
