"""How the service is: by day, by what became of attempts, and as a whole."""

from __future__ import annotations

import pytest

from authproxy.secondfactor.status import DAY, Change, Component, Report, State, bars, of_attempts, of_parts

MIDNIGHT = 20_000 * DAY
NOON = MIDNIGHT + DAY / 2
UP, DEGRADED, DOWN, UNKNOWN = State.UP, State.DEGRADED, State.DOWN, State.UNKNOWN


def changes(*moments: tuple[float, State]) -> list[Change]:
    return [Change(at, "mail", state) for at, state in moments]


def test_a_component_that_never_changed_was_up_all_the_days() -> None:
    found = bars(changes((MIDNIGHT - 30 * DAY, UP)), NOON)
    assert [bar.day for bar in found] == [MIDNIGHT - days * DAY for days in range(6, -1, -1)]
    assert {(bar.worst, bar.share) for bar in found} == {(UP, 1.0)}


def test_six_hours_of_outage_are_a_quarter_of_their_day() -> None:
    found = bars(changes((MIDNIGHT - 9 * DAY, UP), (MIDNIGHT - DAY, DOWN), (MIDNIGHT - DAY * 3 / 4, UP)), NOON)
    assert [(bar.worst, bar.share) for bar in found[-3:]] == [(UP, 1.0), (DOWN, 0.75), (UP, 1.0)]


def test_an_outage_over_midnight_counts_for_both_days() -> None:
    found = bars(changes((MIDNIGHT - 9 * DAY, UP), (MIDNIGHT - DAY / 4, DOWN), (MIDNIGHT + DAY / 4, UP)), NOON)
    assert [(bar.worst, bar.share) for bar in found[-2:]] == [(DOWN, 0.75), (DOWN, 0.5)]


def test_before_the_first_look_nothing_is_known() -> None:
    found = bars(changes((MIDNIGHT, UP)), NOON)
    assert [(bar.worst, bar.share) for bar in found] == [(UNKNOWN, None)] * 6 + [(UP, 1.0)]


def test_what_was_impaired_was_still_there() -> None:
    assert bars(changes((MIDNIGHT, DEGRADED)), NOON)[-1].share == 1.0
    assert bars(changes((MIDNIGHT, DEGRADED)), NOON)[-1].worst is DEGRADED


@pytest.mark.parametrize(
    ("working", "parts", "state"), [(2, 2, UP), (1, 2, DEGRADED), (0, 2, DOWN), (0, 0, UNKNOWN)]
)
def test_several_that_do_the_same(working: int, parts: int, state: State) -> None:
    assert of_parts(working, parts) is state


@pytest.mark.parametrize(
    ("good", "bad", "state"), [(0, 0, UP), (0, 2, UP), (0, 3, DOWN), (5, 3, UP), (3, 5, DEGRADED)]
)
def test_what_became_of_attempts(good: int, bad: int, state: State) -> None:
    assert of_attempts(good, bad) is state


@pytest.mark.parametrize(
    ("database", "mail", "whole"),
    [(UP, UP, UP), (UP, DOWN, DEGRADED), (UP, DEGRADED, DEGRADED), (DOWN, UP, DOWN), (UNKNOWN, UNKNOWN, UNKNOWN)],
)
def test_the_whole_is_down_with_the_database_alone(database: State, mail: State, whole: State) -> None:
    parts = [Component(name, state, None, "", ()) for name, state in (("database", database), ("mail", mail))]
    assert Report(0.0, parts).state is whole
