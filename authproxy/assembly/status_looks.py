"""How the components of the status page are, from what the rooms know of themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import IReactorTime

from authproxy.errors import StoreUnavailable
from authproxy.metrics import Metrics
from authproxy.metrics_state import SectionState
from authproxy.secondfactor.status import Seen, State, of_attempts, of_parts

_PATIENCE = 3.0
_REMEMBERED = 20  # looks: ten minutes
_GOOD_WAYS = ("open page", "accepted")
_BAD_WAYS = ("failed",)


@dataclass(slots=True)
class Attempts:
    """What became of attempts lately, from two counters that only grow."""

    counts: Callable[[], tuple[float, float]]
    _past: list[tuple[float, float]] = field(default_factory=list)

    def lately(self) -> tuple[int, int]:
        """How many went well, and how many did not."""
        now = self.counts()
        self._past = [*self._past, now][-_REMEMBERED:]
        return int(now[0] - self._past[0][0]), int(now[1] - self._past[0][1])


class StatusLooks:
    """``commit`` as ``Readiness`` has it. ``mail_down``: None without a mail server. ``telephony``: how many
    messages and calls of the last minutes went well, and how many did not; None without a gateway."""

    def __init__(
        self,
        commit: Callable[[], Deferred[None]],
        metrics: Metrics,
        clock: IReactorTime,
        mail_down: Callable[[], bool] | None = None,
        telephony: Callable[[], Awaitable[tuple[int, int]]] | None = None,
    ) -> None:
        self._commit = commit
        self._metrics = metrics
        self._clock = clock
        self._mail_down = mail_down
        self._deliveries = Attempts(self._delivered)
        self._telephony = telephony

    async def __call__(self) -> list[Seen]:
        database = await self._database()
        seen = [
            database,
            Seen("second factor", database.state),  # it is all there, as long as its database is
            *_password_checks(self._metrics.states.sections()),
            _attempted("push delivery", *self._deliveries.lately()),
        ]
        if self._mail_down is not None:
            seen.append(Seen("mail", State.DOWN if self._mail_down() else State.UP))
        if self._telephony is not None:
            seen.append(await self._messages_and_calls(self._telephony))
        return seen

    async def _database(self) -> Seen:
        try:
            await self._commit().addTimeout(_PATIENCE, self._clock)
        except StoreUnavailable as error:
            return Seen("database", State.DOWN, str(error))
        except (CancelledError, TooLate):
            return Seen("database", State.DOWN, f"no commit within {_PATIENCE:g} seconds")
        return Seen("database", State.UP)

    async def _messages_and_calls(self, lately: Callable[[], Awaitable[tuple[int, int]]]) -> Seen:
        try:
            return _attempted("telephony", *await lately())
        except StoreUnavailable:
            return Seen("telephony", State.UNKNOWN, "the database does not tell")

    def _delivered(self) -> tuple[float, float]:
        counts = {
            sample.labels["result"]: sample.value
            for family in self._metrics.push_deliveries.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        }
        good, bad = (sum(counts.get(word, 0.0) for word in words) for words in (_GOOD_WAYS, _BAD_WAYS))
        return good, bad


def _attempted(name: str, good: int, bad: int) -> Seen:
    return Seen(name, of_attempts(good, bad), f"lately {good} were taken, {bad} failed")


def _password_checks(sections: Mapping[str, SectionState]) -> list[Seen]:
    """A directory or RADIUS server that checks passwords, by section."""
    found = []
    for section, state in sections.items():
        up = sum(host.is_up for host in state.hosts)
        hosts = ", ".join(f"{host.name} {'up' if host.is_up else 'down'}" for host in state.hosts)
        found.append(Seen(f"password check {section}", of_parts(up, len(state.hosts)), hosts))
    return found
