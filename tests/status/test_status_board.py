"""The board: every change is written once, and one of a time without a database afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet.task import Clock

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.status import DAY, Seen, State
from authproxy.secondfactor.status_board import StatusBoard
from authproxy.store.tables import metadata, status_changes

NOW = 20_000.0 * DAY


class Desk:
    """An office whose database may be away."""

    def __init__(self) -> None:
        self.engine = sa.create_engine(
            "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
        )
        metadata.create_all(self.engine)
        self.is_away = False

    async def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        return await self.change(work)

    async def change(self, work: Callable[[sa.Connection], Any]) -> Any:
        if self.is_away:
            raise StoreUnavailable("away")
        with self.engine.begin() as connection:
            return work(connection)

    def written(self) -> list[tuple[float, str, str]]:
        with self.engine.connect() as connection:
            query = sa.select(status_changes.c.at, status_changes.c.component, status_changes.c.state)
            return [tuple(row) for row in connection.execute(query.order_by(status_changes.c.id))]


class Scene:
    def __init__(self) -> None:
        self.desk = Desk()
        self.now = NOW
        self.mail = State.UP
        self.board = self.another()

    def another(self) -> StatusBoard:
        async def looks() -> list[Seen]:
            state = State.DOWN if self.desk.is_away else State.UP
            return [Seen("database", state), Seen("mail", self.mail, "mail.example.com")]

        return StatusBoard(looks, self.desk, Clock(), lambda: self.now)  # type: ignore[arg-type]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest_twisted.ensureDeferred
async def test_what_changes_is_written_and_what_stays_is_not(scene: Scene) -> None:
    for at, state in ((0, State.UP), (30, State.UP), (60, State.DOWN), (90, State.DOWN), (120, State.UP)):
        scene.now, scene.mail = NOW + at, state
        await scene.board.look()
    assert scene.desk.written() == [
        (NOW, "database", "up"),
        (NOW, "mail", "up"),
        (NOW + 60, "mail", "down"),
        (NOW + 120, "mail", "up"),
    ]
    mail = scene.board.report.components[1]
    assert (mail.state, mail.since, mail.bars[-1].worst) == (State.UP, NOW + 120, State.DOWN)
    assert mail.bars[-1].share == pytest.approx(0.5)


@pytest_twisted.ensureDeferred
async def test_a_new_process_goes_on_where_the_last_one_was(scene: Scene) -> None:
    scene.mail = State.DOWN
    await scene.board.look()
    scene.now += DAY
    board = scene.another()
    await board.look()
    assert len(scene.desk.written()) == 2
    assert board.report.components[1].since == NOW
    assert [bar.worst for bar in board.report.components[1].bars[-2:]] == [State.DOWN, State.UNKNOWN]


@pytest_twisted.ensureDeferred
async def test_while_the_database_is_away_the_board_says_so_and_writes_it_down_later(scene: Scene) -> None:
    await scene.board.look()
    scene.desk.is_away, scene.now = True, NOW + 30
    await scene.board.look()
    assert scene.board.report.state is State.DOWN
    scene.now = NOW + 60
    await scene.board.look()
    scene.desk.is_away, scene.now = False, NOW + 90
    await scene.board.look()
    assert scene.board.report.state is State.UP
    assert scene.desk.written()[2:] == [(NOW + 30, "database", "down"), (NOW + 90, "database", "up")]


@pytest_twisted.ensureDeferred
async def test_what_is_long_past_is_forgotten_but_for_the_last_of_each(scene: Scene) -> None:
    await scene.board.look()
    scene.mail, scene.now = State.DOWN, NOW + DAY
    await scene.board.look()
    scene.mail, scene.now = State.UP, NOW + 100 * DAY
    await scene.board.look()
    assert scene.desk.written() == [(NOW, "database", "up"), (NOW + 100 * DAY, "mail", "up")]
