"""Whether logins can be served now: the database takes a commit, and every port is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IListeningPort, IReactorTime

from authproxy.errors import StoreUnavailable
from authproxy.metrics_state import States

OK: Final = "ok"
_PATIENCE: Final = 3.0
_GOOD_FOR: Final = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """``checks``: what was looked at, and ``ok`` or what is wrong with it."""

    checks: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        return all(result == OK for result in self.checks.values())


class Readiness:
    """Looks at most once a second, whoever asks how often. ``commit`` fires once a write of no consequence is on
    disk, and fails with StoreUnavailable; ``ports``: name to whether it is open now."""

    def __init__(
        self, commit: Callable[[], Deferred[None]], ports: Callable[[], Mapping[str, bool]], clock: IReactorTime
    ) -> None:
        self._commit = commit
        self._ports = ports
        self._clock = clock
        self._at = float("-inf")
        self._problem = ""
        self._asking: list[Deferred[None]] | None = None

    async def report(self) -> Report:
        """Within three seconds."""
        await self._look_at_database()
        ports = {name: OK if is_open else "not open" for name, is_open in self._ports().items()}
        return Report({"database": self._problem or OK, **ports})

    async def _look_at_database(self) -> None:
        if self._asking is not None:
            waiting: Deferred[None] = Deferred()
            self._asking.append(waiting)
            await waiting
        elif self._clock.seconds() - self._at >= _GOOD_FOR:
            self._asking = []
            self._problem = await self._problem_of_database()
            self._at = self._clock.seconds()
            waiters, self._asking = self._asking, None
            for one in waiters:
                if not one.called:
                    one.callback(None)

    async def _problem_of_database(self) -> str:
        try:
            await self._commit().addTimeout(_PATIENCE, self._clock, _gave_up)
        except StoreUnavailable as error:
            return str(error)
        return ""


def _gave_up(result: object, seconds: float) -> object:
    if isinstance(getattr(result, "value", None), CancelledError):
        raise StoreUnavailable(f"the database took no commit within {seconds:g} seconds")
    return result


def upstreams(states: States) -> dict[str, dict[str, str]]:
    """Section and host to ``up`` or ``down``: for the details. Readiness does not depend on them, for another
    instance would find the same."""
    return {
        section: {host.name: "up" if host.is_up else "down" for host in state.hosts}
        for section, state in states.sections().items()
    }


class OpenPorts:
    """Whether each of ``ports``, a list that may change, is open: one that was closed has no file descriptor."""

    def __init__(self, ports: Sequence[IListeningPort]) -> None:
        self._ports = ports
        self._names: dict[int, str] = {}

    def __call__(self) -> dict[str, bool]:
        found = {}
        for port in self._ports:
            is_open = getattr(port, "fileno", lambda: -1)() >= 0
            if is_open:
                self._names[id(port)] = _name(port)
            found[self._names.get(id(port), "a port")] = is_open
        return found


def _name(port: IListeningPort) -> str:
    where = port.getHost()
    if not isinstance(where, IPv4Address | IPv6Address):
        return str(where)
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{host}:{where.port}/{where.type.lower()}"
