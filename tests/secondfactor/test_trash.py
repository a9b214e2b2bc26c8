"""The trash: who is in it can't log in, comes back as before, or is deleted when it is time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import sqlalchemy as sa

from authproxy.model import Allowed, Reason
from authproxy.secondfactor import trash
from authproxy.secondfactor.refusals import AlreadyThere, BadValue
from authproxy.secondfactor.user_search import UserFilter, search_users
from authproxy.secondfactor.users import User, add_user, change_user, user_by_id
from authproxy.store import tables
from tests.secondfactor.local_service import NOW, LocalService, enter, refused, totp

DAY = 86_400.0
LONG_AGO = NOW - 400 * DAY


@pytest_twisted.async_yield_fixture
async def service(tmp_path: Path) -> AsyncIterator[LocalService]:
    made = LocalService(tmp_path)
    yield made
    await made.stop()


def user_of(service: LocalService, user_id: str) -> User:
    with service.database.reading() as connection:
        return user_by_id(connection, user_id)


def throw(service: LocalService, user_id: str, now: float = NOW) -> bool:
    with service.database.writing() as connection:
        return trash.send_to_trash(connection, user_by_id(connection, user_id), now)


def fetch(service: LocalService, user_id: str, now: float = NOW) -> bool:
    with service.database.writing() as connection:
        return trash.restore(connection, user_by_id(connection, user_id), now)


def names(service: LocalService, column: sa.Column[Any] = tables.users.c.username) -> list[str]:
    with service.database.reading() as connection:
        return list(connection.execute(sa.select(column).order_by(column)).scalars())


@pytest_twisted.ensureDeferred
async def test_who_is_in_the_trash_is_refused_and_logs_in_again_once_back(service: LocalService) -> None:
    alice = service.add_user()
    service.add_device(alice)
    assert throw(service, alice)
    assert not throw(service, alice)
    assert refused(await enter(service, totp()), Reason.USER_DISABLED)
    assert fetch(service, alice)
    assert not fetch(service, alice)
    assert isinstance(await enter(service, totp()), Allowed)


@pytest.mark.parametrize("status", ["active", "bypass", "disabled"])
def test_the_status_of_before_comes_back(service: LocalService, status: str) -> None:
    alice = service.add_user(status=status)
    throw(service, alice)
    assert (user_of(service, alice).status, user_of(service, alice).shown_status) == (
        "disabled",
        "pending deletion",
    )
    fetch(service, alice)
    assert user_of(service, alice).status == status


def test_nobody_in_the_trash_is_made_active_but_by_restoring(service: LocalService) -> None:
    alice = service.add_user()
    throw(service, alice)
    with service.database.writing() as connection, pytest.raises(BadValue, match="restore the user first"):
        change_user(connection, user_by_id(connection, alice), {"status": "active"})
    with service.database.writing() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(tables.users.update().values(status="active"))


def test_a_name_in_the_trash_is_taken_and_the_status_is_found(service: LocalService) -> None:
    throw(service, service.add_user())
    service.add_user("dora", status="disabled")
    with service.database.writing() as connection:
        with pytest.raises(AlreadyThere, match="in the trash"):
            add_user(connection, "alice", "simple")
        found = {
            status: [user.username for user in search_users(connection, UserFilter(status=status)).rows]
            for status in ("active", "disabled", "pending deletion")
        }
    assert found == {"active": [], "disabled": ["dora"], "pending deletion": ["alice"]}


@pytest_twisted.ensureDeferred
async def test_who_lay_there_long_enough_is_deleted_with_what_is_their_own(service: LocalService) -> None:
    old, fresh = service.add_user("old"), service.add_user("fresh")
    service.add_device(old)
    token = service.add_device(old, origin="hardware", serial="1")
    throw(service, old, NOW - 8 * DAY)
    throw(service, fresh, NOW - 6 * DAY)
    service.add_user("stays")
    assert await trash.sweep(service.writer, NOW, 7, 0) == trash.Swept(0, 1)
    assert names(service) == ["fresh", "stays"]
    assert names(service, tables.devices.c.id) == [token]
    with service.database.reading() as connection:
        row = connection.execute(sa.select(tables.audit)).one()
    assert (row.actor, row.action, row.object) == ("system", "user delete", "old")
    assert json.loads(row.detail) == {"why": "was in the trash long enough"}


@pytest_twisted.ensureDeferred
async def test_who_has_not_logged_in_for_long_comes_there_and_counts_as_seen_when_back(
    service: LocalService,
) -> None:
    never = service.add_user("never", created=LONG_AGO)
    service.add_user("late", created=LONG_AGO, last_login=NOW - 31 * DAY, status="bypass")
    service.add_user("seen", created=LONG_AGO, last_login=NOW - 29 * DAY)
    service.add_user("new", created=NOW - DAY)
    assert await trash.sweep(service.writer, NOW, 7, 30) == trash.Swept(2, 0)
    trashed = {name for name in names(service) if user_of(service, f"US{name.upper()}").trashed}
    assert trashed == {"never", "late"}
    fetch(service, never)
    assert await trash.sweep(service.writer, NOW + DAY, 7, 30) == trash.Swept(0, 0)
    assert user_of(service, never).trashed is None
    assert await trash.sweep(service.writer, NOW + DAY, 7, 0) == trash.Swept(0, 0)


@pytest_twisted.ensureDeferred
async def test_more_than_fit_into_one_job_are_swept_as_well(service: LocalService) -> None:
    with service.database.writing() as connection:
        rows = [
            {"id": f"U{at}", "username": f"u{at}", "display_name": "u", "created": LONG_AGO} for at in range(120)
        ]
        connection.execute(tables.users.insert(), rows)
    assert await trash.sweep(service.writer, NOW - 10 * DAY, 7, 30) == trash.Swept(120, 0)
    assert await trash.sweep(service.writer, NOW, 7, 30) == trash.Swept(0, 120)
    assert names(service) == []
