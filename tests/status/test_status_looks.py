"""What the rooms know of themselves becomes what the status page shows."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from authproxy.assembly.status_looks import StatusLooks
from authproxy.errors import StoreUnavailable
from authproxy.metrics import Metrics
from authproxy.metrics_state import HostState, SectionState
from authproxy.secondfactor.status import Seen, State


def looks(metrics: Metrics | None = None, **given: object) -> StatusLooks:
    commit = given.pop("commit", lambda: succeed(None))
    return StatusLooks(commit, metrics or Metrics(), Clock(), **given)  # type: ignore[arg-type]


def of(seen: list[Seen]) -> dict[str, State]:
    return {one.component: one.state for one in seen}


@pytest_twisted.ensureDeferred
async def test_a_database_that_takes_no_commit_is_down_and_the_second_factor_with_it() -> None:
    seen = await looks(commit=lambda: fail(StoreUnavailable("disk full")))()
    assert of(seen)["database"] is of(seen)["second factor"] is State.DOWN
    assert seen[0].detail == "disk full"


@pytest_twisted.ensureDeferred
async def test_a_database_that_hangs_is_down_after_three_seconds() -> None:
    clock = Clock()
    asked = Deferred.fromCoroutine(StatusLooks(Deferred, Metrics(), clock)())
    clock.advance(2.9)
    assert not asked.called
    clock.advance(0.2)
    assert of(await asked)["database"] is State.DOWN


@pytest.mark.parametrize(
    ("up", "state"), [((True, True), State.UP), ((True, False), State.DEGRADED), ((False, False), State.DOWN)]
)
@pytest_twisted.ensureDeferred
async def test_hosts_that_check_passwords_are_told_by_section_and_named_in_the_detail_alone(
    up: tuple[bool, ...], state: State
) -> None:
    metrics = Metrics()
    hosts = tuple(HostState(f"dc{at}.example.com", is_up, 0) for at, is_up in enumerate(up))
    metrics.states.watch({"ad_client": lambda: SectionState(0, hosts)}, {})
    (found,) = [one for one in await looks(metrics)() if one.component.startswith("password check")]
    assert (found.component, found.state) == ("password check ad_client", state)
    assert "dc0.example.com" in found.detail


@pytest_twisted.ensureDeferred
async def test_pushes_that_all_fail_from_now_on_are_noticed_whatever_went_well_before() -> None:
    metrics = Metrics()
    metrics.push_deliveries.labels("accepted").inc(1000)
    board = looks(metrics)
    assert of(await board())["push delivery"] is State.UP
    metrics.push_deliveries.labels("failed").inc(3)
    assert of(await board())["push delivery"] is State.DOWN
    metrics.push_deliveries.labels("open page").inc(2)
    assert of(await board())["push delivery"] is State.DEGRADED
    metrics.push_deliveries.labels("accepted").inc(5)
    assert of(await board())["push delivery"] is State.UP


@pytest_twisted.ensureDeferred
async def test_mail_and_telephony_are_told_where_they_are_configured() -> None:
    assert not {"mail", "telephony"} & set(of(await looks()()))

    async def lately() -> tuple[int, int]:
        return 0, 4

    async def unknown() -> tuple[int, int]:
        raise StoreUnavailable("away")

    seen = of(await looks(mail_down=lambda: True, telephony=lately)())
    assert (seen["mail"], seen["telephony"]) == (State.DOWN, State.DOWN)
    assert of(await looks(telephony=unknown)())["telephony"] is State.UNKNOWN
