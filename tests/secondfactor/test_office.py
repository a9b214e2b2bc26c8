"""Who waits for whom at the office."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet.defer import Deferred

from authproxy.secondfactor.office import Office
from authproxy.store.engine import Database

_MANY = 8


class Slow:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self._may_end = threading.Event()

    def __call__(self, *_connection: sa.Connection) -> bool:
        return self._may_end.wait(30)

    def let_go(self) -> None:
        self._may_end.set()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    from twisted.internet import reactor

    made = Office(Database(f"sqlite:///{tmp_path / 'authproxy.db'}"), reactor, lambda: None)  # type: ignore[arg-type]
    yield made
    made.close()


def _one(connection: sa.Connection) -> int:
    return int(connection.execute(sa.text("SELECT 1")).scalar_one())


@pytest_twisted.ensureDeferred
async def test_whoever_logs_in_waits_for_no_search_and_no_password(office: Office) -> None:
    slow = Slow()
    running: list[Deferred[bool]] = [office.read(slow) for _ in range(_MANY)]
    running += [office.aside(slow) for _ in range(_MANY)]
    assert await office.glance(_one) == 1
    slow.let_go()
    assert all([await each for each in running])


@pytest_twisted.ensureDeferred
async def test_a_flood_of_passwords_holds_up_no_search(office: Office) -> None:
    slow = Slow()
    running = [office.aside(slow) for _ in range(_MANY)]
    assert await office.read(_one) == 1
    slow.let_go()
    assert all([await each for each in running])
