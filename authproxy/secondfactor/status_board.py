"""The board that the status pages show: looked at every half a minute, with every change written down.

What it shows is in memory, so that it can be shown while the database is down, and costs nothing to ask for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.status import DAY, DAYS, Change, Component, Report, Seen, State, bars
from authproxy.store.tables import status_changes

EVERY = 30.0  # seconds
_KEPT_DAYS = 90

_log = Logger()

Looks = Callable[[], Awaitable[Sequence[Seen]]]


class StatusBoard:
    """``looks``: every component as it is found now. ``now``: epoch seconds."""

    def __init__(self, looks: Looks, office: Office, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._looks = looks
        self._office = office
        self._now = now
        self._unwritten: list[Change] = []
        self._history: list[Change] = []
        self._last: dict[str, Change] = {}
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self.look()))
        self._loop.clock = clock
        self.report = Report(now(), ())

    def start(self) -> None:
        self._loop.start(EVERY).addErrback(
            lambda failure: _log.failure("status: the board can't be kept", failure)
        )

    def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    async def look(self) -> None:
        """Looks once, and writes down what is different. A database that is down is told about later."""
        seen, now = await self._looks(), self._now()
        try:
            if not self._history:
                self._history = await self._office.read(_recent(now))
                self._last = {change.component: change for change in self._history}
            self._compare(seen, now)
            if self._unwritten:
                await self._office.change(_writing(tuple(self._unwritten), now))
                self._unwritten.clear()
        except StoreUnavailable:
            self._compare(seen, now)
        self.report = Report(now, tuple(self._component(one, now) for one in seen))

    def _compare(self, seen: Sequence[Seen], now: float) -> None:
        for one in seen:
            before = self._last.get(one.component)
            if before is None or before.state is not one.state:
                change = Change(now, one.component, one.state)
                self._last[one.component] = change
                self._history.append(change)
                self._unwritten.append(change)
        oldest = now - (DAYS + 1) * DAY
        current = set(map(id, self._last.values()))
        self._history = [change for change in self._history if change.at >= oldest or id(change) in current]

    def _component(self, seen: Seen, now: float) -> Component:
        changes = [change for change in self._history if change.component == seen.component]
        since = self._last[seen.component].at
        return Component(seen.component, seen.state, since, seen.detail, bars(changes, now))


def _recent(now: float) -> Callable[[sa.Connection], list[Change]]:
    """The changes of the days that are shown, and for each component the last one before."""
    since = now - (DAYS + 1) * DAY
    newest = sa.select(sa.func.max(status_changes.c.id)).where(status_changes.c.at < since)
    before = newest.group_by(status_changes.c.component)
    wanted = sa.or_(status_changes.c.at >= since, status_changes.c.id.in_(before))
    query = sa.select(status_changes.c.at, status_changes.c.component, status_changes.c.state).where(wanted)
    ordered = query.order_by(status_changes.c.at, status_changes.c.id)
    return lambda connection: [Change(at, name, State(state)) for at, name, state in connection.execute(ordered)]


def _writing(changes: Sequence[Change], now: float) -> Callable[[sa.Connection], None]:
    """Adds them, and forgets what is long past but for each component's last."""
    rows = [{"at": change.at, "component": change.component, "state": change.state.value} for change in changes]
    last = sa.select(sa.func.max(status_changes.c.id)).group_by(status_changes.c.component)
    old = sa.and_(status_changes.c.at < now - _KEPT_DAYS * DAY, status_changes.c.id.not_in(last))

    def work(connection: sa.Connection) -> None:
        connection.execute(status_changes.insert(), rows)
        connection.execute(status_changes.delete().where(old))

    return work
