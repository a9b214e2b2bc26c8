"""What has had its time is forgotten, what has not stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet import reactor

from authproxy.model import LoginRecord
from authproxy.store import tables
from authproxy.store.engine import Database, open_sqlite
from authproxy.store.journal import StoreJournal
from authproxy.store.retention import Kept, prune
from authproxy.store.writer import Writer

DAY = 86_400.0
NOW = 3_000 * DAY
FOR_EVER = Kept(0, 0, 0, 0)


class Store:
    def __init__(self, directory: Path) -> None:
        self.url = f"sqlite:///{directory / 'authproxy.db'}"
        self.writer = Writer(directory / "authproxy.db", open_sqlite(self.url), reactor)
        self.writer.start()
        self.database = Database(self.url)
        self._number = 0
        self.add(tables.users, id="US1", username="a", display_name="a", created=0)
        self.add(tables.phones, id="DP1", number="", created=0)
        self.add(tables.administrators, id="AD1", email="a@example.com", name="A", role="Owner", created=0)

    def add(self, table: sa.Table, **values: Any) -> None:
        with self.database.writing() as connection:
            connection.execute(table.insert().values(**values))

    async def forgotten(self, kept: Kept = FOR_EVER) -> dict[str, int]:
        """How many rows of which tables."""
        pruned = await prune(self.writer, kept, NOW)
        return {name: count for name, count in pruned.items() if count}

    def hashed(self) -> bytes:
        self._number += 1
        return b"%d" % self._number

    def left(self, column: sa.Column[Any]) -> list[Any]:
        with self.database.reading() as connection:
            return sorted(
                connection.execute(sa.select(column)).scalars(), key=lambda value: (value is None, value)
            )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    pytest_twisted.blockon(made.writer.stop())
    made.database.close()


@pytest_twisted.ensureDeferred
async def test_sessions_and_tickets_end_at_once(store: Store) -> None:
    for expires in (NOW - 1, NOW, NOW + 1):
        store.add(tables.sessions, hash=store.hashed(), kind="admin", subject="", csrf="x", created=0, seen=0,
                  expires=expires)  # fmt: skip
        store.add(tables.tickets, hash=store.hashed(), kind="code", created=0, expires=expires)
        store.add(tables.remembered_browsers, hash=store.hashed(), user_id="US1", application="", created=0,
                  expires=expires)  # fmt: skip
    assert await store.forgotten() == {"sessions": 1, "tickets": 1, "remembered_browsers": 1}
    for table in (tables.sessions, tables.tickets, tables.remembered_browsers):
        assert store.left(table.c.expires) == [NOW, NOW + 1]


@pytest_twisted.ensureDeferred
async def test_links_can_be_looked_at_for_a_month_after_they_expired(store: Store) -> None:
    for expires in (NOW - 31 * DAY, NOW - 29 * DAY, NOW + DAY):
        store.add(tables.activations, hash=store.hashed(), kind="phone", user_id="US1", created=0, expires=expires)
        store.add(
            tables.admin_links, hash=store.hashed(), admin_id="AD1", kind="reset", created=0, expires=expires
        )
    assert await store.forgotten() == {"activations": 1, "admin_links": 1}
    assert store.left(tables.activations.c.expires) == [NOW - 29 * DAY, NOW + DAY]
    assert store.left(tables.admin_links.c.expires) == [NOW - 29 * DAY, NOW + DAY]


@pytest_twisted.ensureDeferred
async def test_sms_codes_go_when_used_or_expired_and_not_before(store: Store) -> None:
    old, fresh = NOW - 31 * DAY, NOW - DAY
    for name, used, expires in (
        ("used", old, None),
        ("just used", fresh, None),
        ("expired", None, old),
        ("open", None, None),
    ):
        store.add(
            tables.sms_codes, user_id="US1", hash=name.encode(), phone_id="DP1", first_digit="1", position=1,
            created=0, used=used, expires=expires,
        )  # fmt: skip
    assert await store.forgotten() == {"sms_codes": 2}
    assert store.left(tables.sms_codes.c.hash) == [b"just used", b"open"]


def of_all_ages(store: Store) -> None:
    """A record of each kind, 100 and 10 days old."""
    for days in (100, 10):
        at = NOW - days * DAY
        store.add(tables.telephony, at=at, kind="sms", purpose="login", status="sent")
        store.add(tables.audit, at=at, actor="system", action="x")
        store.add(tables.messages, id=f"M{days}", at=at, kind="mail", purpose="x", recipient="x", text="x")
        store.add(
            tables.logins, login_id=f"L{days}", at=at, section="x", username="a", name="a", nas="",
            result="accept", reason="", factor="", device="", elapsed=0, steps="[]",
        )  # fmt: skip


@pytest.mark.parametrize("name", ["logins", "messages", "telephony", "audit"])
@pytest_twisted.ensureDeferred
async def test_each_record_is_kept_as_long_as_its_setting_says(store: Store, name: str) -> None:
    of_all_ages(store)
    assert await store.forgotten() == {}
    assert await store.forgotten(Kept(**{**dict.fromkeys(Kept.__dataclass_fields__, 0), name: 50})) == {name: 1}
    assert store.left(tables.metadata.tables[name].c.at) == [NOW - 10 * DAY]
    assert await store.forgotten(Kept(101, 101, 101, 101)) == {}


@pytest_twisted.ensureDeferred
async def test_the_last_run_of_a_sync_stays_however_old(store: Store) -> None:
    store.add(tables.directories, id="DC1", name="x", kind="openldap", client="x", created=0)
    for number, status in enumerate(("done", "done", "failed")):
        store.add(
            tables.sync_runs, id=number, directory_id="DC1", mode="full", started=NOW - 100 * DAY, status=status
        )
    assert await store.forgotten(Kept(0, 0, 0, 50)) == {"sync_runs": 1}
    assert store.left(tables.sync_runs.c.id) == [1, 2]


@pytest_twisted.ensureDeferred
async def test_names_are_forgotten_with_the_last_login_under_them(store: Store) -> None:
    journal = StoreJournal(store.writer)
    for days, username in ((100, "CORP\\Alice"), (100, "alice"), (10, "alice"), (100, "b\udcffb")):
        await journal.record(
            LoginRecord(f"L{days}", NOW - days * DAY, "x", username, "", None, "accept", "", "", "", (), 0.0)
        )
    assert store.left(tables.login_names.c.username) == ["CORP\\Alice", "alice", "b?b"]
    assert await store.forgotten(Kept(50, 0, 0, 0)) == {"logins": 3}
    assert store.left(tables.login_names.c.username) == ["alice"]


@pytest_twisted.ensureDeferred
async def test_more_than_fit_into_one_job_are_deleted_as_well(store: Store) -> None:
    with store.database.writing() as connection:
        rows = [{"hash": store.hashed(), "kind": "x", "created": 0, "expires": NOW - 1} for _ in range(1200)]
        connection.execute(tables.tickets.insert(), rows)
    assert await store.forgotten() == {"tickets": 1200}
    assert store.left(tables.tickets.c.hash) == []
