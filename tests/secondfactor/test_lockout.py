"""When wrong codes lock a user out."""

from __future__ import annotations

from authproxy.secondfactor.lockout import LockoutRule, Strikes


def test_the_nth_wrong_code_in_a_row_locks_out() -> None:
    rule = LockoutRule(3, 900)
    strikes = rule.strike(rule.strike(Strikes(), 0.0), 0.0)
    assert strikes == Strikes(2, None)
    assert rule.strike(strikes, 100.0) == Strikes(3, 1000.0)


def test_a_lockout_ends_at_its_time_and_leaves_nothing_behind() -> None:
    locked = Strikes(3, 1000.0)
    assert locked.is_locked(999.9)
    assert not locked.is_locked(1000.0)
    assert LockoutRule(3, 900).strike(locked, 1000.0) == Strikes(1, None)


def test_zero_never_locks_out() -> None:
    strikes = Strikes()
    for _ in range(100):
        strikes = LockoutRule(0, 900).strike(strikes, 0.0)
    assert not strikes.is_locked(0.0)
