"""Reports of how logins ended: the same whether days are counted or remembered."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from authproxy.model import Reason
from authproxy.secondfactor.attempt_counts import AttemptCounts
from authproxy.secondfactor.summary import Attempts, attempts
from authproxy.store.engine import Database
from authproxy.store.tables import logins

DAY = 86_400.0
NOW = 1_000 * DAY + 5 * 3600
ENDS = [
    ("accept", ""), ("reject", str(Reason.BAD_PASSCODE)), ("reject", str(Reason.PUSH_FRAUD)),
    ("reject", str(Reason.INTERNAL_ERROR)), ("challenge", ""),
]  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/x.db")
    chance = random.Random(1)
    with made.writing() as connection:
        for number in range(500):
            result, reason = chance.choice(ENDS)
            connection.execute(logins.insert().values(
                login_id=str(number), at=NOW - chance.random() * 12 * DAY, section="s", username="u", nas="",
                result=result, reason=reason, factor="", device="", elapsed=0, steps="[]",
            ))  # fmt: skip
    yield made
    made.close()


@pytest.mark.parametrize(
    ("since", "until"),
    [(0.0, NOW + 1), (NOW - 7.5 * DAY, NOW), (NOW - 7.5 * DAY, NOW - 2.2 * DAY), (993 * DAY, 996 * DAY),
     (NOW - 3600, NOW), (NOW - DAY, NOW), (NOW + DAY, NOW + 2 * DAY), (0.0, DAY), (997.2 * DAY, 997.9 * DAY)],
)  # fmt: skip
def test_any_stretch_is_counted_as_it_is(database: Database, since: float, until: float) -> None:
    counts = AttemptCounts(lambda: NOW)
    with database.reading() as connection:
        plain = attempts(connection, since, until)
        assert counts.of(connection, since, until) == plain
        assert counts.of(connection, since, until) == plain


def test_what_is_new_counts_at_once_and_what_is_forgotten_no_more(database: Database) -> None:
    counts = AttemptCounts(lambda: NOW)
    with database.writing() as connection:
        before = counts.of(connection, 0.0, NOW + 1)
        connection.execute(logins.insert().values(
            login_id="new", at=NOW, section="s", username="u", nas="", result="accept", reason="", factor="",
            device="", elapsed=0, steps="[]",
        ))  # fmt: skip
        assert counts.of(connection, 0.0, NOW + 1).success == before.success + 1
        connection.execute(logins.delete().where(logins.c.at < NOW - 6.3 * DAY))
        assert counts.of(connection, 0.0, NOW + 1) == attempts(connection, 0.0, NOW + 1)
        connection.execute(logins.delete())
        assert counts.of(connection, 0.0, NOW + 1) == Attempts(0, 0, 0, 0)


def test_a_day_that_is_over_is_counted_once(database: Database) -> None:
    counts = AttemptCounts(lambda: NOW)
    with database.writing() as connection:
        before = counts.of(connection, 0.0, NOW)
        middle = sa.and_(logins.c.at >= 994 * DAY, logins.c.at < 995 * DAY)
        assert connection.execute(sa.update(logins).where(middle).values(result="accept")).rowcount
        assert counts.of(connection, 0.0, NOW) == before
