from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from authproxy.deadlines import Deadlines


def test_what_has_not_fired_in_time_is_cancelled_and_nothing_else() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, 10)
    slow: Deferred[str] = Deferred()
    quick: Deferred[str] = Deferred()
    outcomes: list[object] = []
    for waiting in (slow, quick):
        deadlines.watch(waiting).addBoth(lambda result: outcomes.append(result))
    clock.advance(5)
    later: Deferred[str] = Deferred()
    deadlines.watch(later).addBoth(lambda result: outcomes.append(result))
    quick.callback("in time")
    clock.advance(5)
    assert outcomes[0] == "in time"
    assert len(outcomes) == 2
    assert outcomes[1].check(CancelledError)  # type: ignore[attr-defined]
    clock.advance(5)
    assert outcomes[2].check(CancelledError)  # type: ignore[attr-defined]
    assert clock.getDelayedCalls() == []


def test_ten_thousand_fired_waits_leave_one_timer_and_no_queue() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, 55)
    for _ in range(10_000):
        deadlines.watch(Deferred[str]()).callback("done")
    assert len(clock.getDelayedCalls()) == 1
    assert len(deadlines._waiting) <= 2


def test_close_stops_the_timer() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, 1)
    deadlines.watch(Deferred[str]())
    deadlines.close()
    assert clock.getDelayedCalls() == []
