"""The panel's first page: what it counts, for whom, and that it counts once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet.defer import Deferred

from authproxy.secondfactor.login_figures import WINDOWS, LoginFigures
from authproxy.secondfactor.roles import Role
from authproxy.store.engine import Database
from authproxy.store.tables import logins
from tests.panel.panelhost import PanelHost

NOW = 1_800_000_000.0  # on the hour
DAY = WINDOWS["day"]


def add(
    database: Any, at: float, result: str = "accept", reason: str = "", factor: str = "push", took: float = 1
) -> None:
    with database.writing() as connection:
        connection.execute(
            logins.insert().values(
                login_id="L", at=at, section="s", username="u", nas="n", result=result, reason=reason,
                factor=factor, device="", elapsed=took, steps=json.dumps([]),
            )
        )  # fmt: skip


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.reads = 0
        self.gate: Deferred[None] | None = None

    async def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        self.reads += 1
        if self.gate is not None:
            await self.gate
        with self.database.reading() as connection:
            return work(connection)


class Moment:
    now = NOW + 60

    def __call__(self) -> float:
        return self.now


@pytest_twisted.ensureDeferred
async def test_logins_are_counted_where_they_belong(database: Database) -> None:
    for at in (NOW, NOW - 1, NOW - 3600, NOW - 24 * 3600):
        add(database, at)
    add(database, NOW - 1, "reject", "bad password", "")
    add(database, NOW - 2, "reject", "bad password", "")
    add(database, NOW - 3, "reject", "wrong passcode", "passcode")
    figures = await LoginFigures(Desk(database), Moment()).of(DAY)  # type: ignore[arg-type]
    assert len(figures.stretches) == 24
    assert [stretch.total(result="accept") for stretch in figures.stretches[-2:]] == [2, 1]
    assert (figures.total(), figures.total("accept"), figures.total("reject")) == (6, 3, 3)
    assert figures.factors(5) == ["push"]
    assert figures.failures(1) == [("bad password", 2)]


@pytest_twisted.ensureDeferred
async def test_how_long_logins_took_is_told_from_five_on(database: Database) -> None:
    for second in range(1, 101):
        add(database, NOW + second / 10, took=second)
    add(database, NOW - 1)
    figures = await LoginFigures(Desk(database), Moment()).of(DAY)  # type: ignore[arg-type]
    last = figures.stretches[-1]
    assert last.middle == pytest.approx(50.5)
    assert last.slow == pytest.approx(95.05)
    assert figures.stretches[-2].middle is None


@pytest_twisted.ensureDeferred
async def test_it_is_counted_at_most_once_a_minute_and_what_is_over_never_again(database: Database) -> None:
    desk, moment = Desk(database), Moment()
    counts = LoginFigures(desk, moment)  # type: ignore[arg-type]
    add(database, NOW - 1)
    assert (await counts.of(DAY)).total() == 1
    add(database, NOW)
    assert (await counts.of(DAY)).total() == 1
    assert desk.reads == 1
    moment.now += 61
    assert (await counts.of(DAY)).total() == 2
    add(database, NOW - 7200)  # cannot be: the log only grows at its end. So it is not seen
    moment.now += 61
    assert (await counts.of(DAY)).total() == 2
    assert desk.reads == 3


@pytest_twisted.ensureDeferred
async def test_those_who_ask_at_once_are_answered_by_one_count(database: Database) -> None:
    desk = Desk(database)
    desk.gate = Deferred()
    counts = LoginFigures(desk, Moment())  # type: ignore[arg-type]
    asked = [Deferred.fromCoroutine(counts.of(DAY)) for _ in range(3)]
    desk.gate.callback(None)
    desk.gate = None
    assert [(await one).total() for one in asked] == [0, 0, 0]
    assert desk.reads == 1


# ---------------------------------------------------------------- the page


def test_the_dashboard_shows_plots_with_their_figures(panel: PanelHost) -> None:
    now = time.time()
    for _ in range(6):  # all in one stretch, whatever the time
        add(panel.api.database, now, took=2.5)
    add(panel.api.database, now, "reject", "no answer in <b>time</b>", "push")
    page = panel.browser(Role.OWNER).get("/admin/?window=week")
    assert page.status == 200
    assert page.html.count('role="img"') == 4
    assert page.html.count("<details>") >= 4
    assert "<b>time" not in page.html
    assert "Why logins were rejected" in page.text
    assert " style=" not in page.html
    assert "✓ working" in page.text or "? not known" in page.text


@pytest.mark.parametrize(("role", "plots"), [(Role.READ_ONLY, 4), (Role.HELP_DESK, 4), (Role.BILLING, 0)])
def test_figures_of_the_log_are_for_those_who_may_see_the_log(panel: PanelHost, role: Role, plots: int) -> None:
    page = panel.browser(role).get("/admin/")
    assert page.status == 200
    assert page.html.count('class="plot"') in ((plots, plots - 1) if plots else (0,))
