"""What one configuration is built into. Another one takes its place without a login being lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred, maybeDeferred

from authproxy.assembly.doors import Doors, Parts
from authproxy.assembly.pipelines import Pipelines
from authproxy.assembly.ports import Ports
from authproxy.assembly.primaries import Primaries
from authproxy.assembly.retirement import Retirement, close_all
from authproxy.assembly.second_factors import SecondFactors
from authproxy.assembly.shelf import Shelf
from authproxy.config.settings import MainSettings, Settings
from authproxy.errors import AuthproxyError, ConfigError
from authproxy.linefile import LineFile
from authproxy.loginlog import AuthEvents
from authproxy.metrics import Metrics
from authproxy.model import LoginRecord
from authproxy.radius.attributes import Dictionary
from authproxy.secondfactor.embedded import Embedded
from authproxy.support.desk import SupportDesk

if TYPE_CHECKING:
    from authproxy.tracing.otlp import Traces


@dataclass(frozen=True, slots=True)
class Ground:
    """What stays, whatever is built on it."""

    embedded: Embedded
    metrics: Metrics
    ports: Ports
    retirement: Retirement
    reactor: Reactor
    desk: SupportDesk


class Assembly:
    """Made in full before it is put to use: ``make`` may fail and changes nothing then, ``take_over`` does not."""

    def __init__(
        self, settings: Settings, dictionary: Dictionary, ground: Ground, before: Assembly | None = None
    ) -> None:
        self.settings = settings
        self._ground = ground
        self._before = before
        self.dictionary = dictionary
        self._event_files: Shelf[object, LineFile] = Shelf(LineFile.close, before._event_files if before else None)
        self.primaries: Primaries = Primaries(
            settings, dictionary, ground.metrics, ground.reactor, before.primaries if before else None
        )
        self._second_factors: SecondFactors = SecondFactors(
            ground.embedded, ground.reactor, before._second_factors if before else None
        )
        self.events = self._auth_events(settings.main)
        self._tracing: Shelf[object, Traces] = Shelf(_end_traces, before._tracing if before else None)
        self.trace = self._traces(settings.main)
        self._pipelines = Pipelines(
            ground.embedded, ground.metrics, self.events, ground.reactor, ground.desk, self.trace
        )
        self.doors = Doors()

    @classmethod
    def make(
        cls, settings: Settings, dictionary: Dictionary, ground: Ground, before: Assembly | None = None
    ) -> Assembly:
        """Reads what the sections need, and opens the ports that are not open yet. Raises ConfigError."""
        made = cls(settings, dictionary, ground, before)
        try:
            made._build()
        except AuthproxyError:
            made.discard()
            raise
        return made

    def _build(self) -> None:
        ground, settings = self._ground, self.settings
        parts = Parts(
            self.dictionary, self.primaries, self._second_factors, self._pipelines, ground.metrics, ground.reactor,
            ground.desk.watchlist.has,
        )  # fmt: skip
        for section in settings.radius_servers:
            self.doors.add_radius(section, parts)
        for ldap_section in settings.ldap_servers:
            self.doors.add_ldap(ldap_section, parts, self._before.doors if self._before else None)
        for proxy_section in settings.http_proxies:
            self.doors.add_proxy(proxy_section, ground.reactor)
        ground.ports.prepare(self.doors.places(settings.ldap_servers))

    def _auth_events(self, main: MainSettings) -> AuthEvents | None:
        if not main.log_auth_events or main.log_dir is None:
            return None
        path, size, count = main.log_dir / "authevents.log", main.log_max_size, main.log_max_files
        file = self._event_files.get((path, size, count), lambda: LineFile(path, size, count))
        return AuthEvents(file.write)

    def _traces(self, main: MainSettings) -> Callable[[LoginRecord], None] | None:
        settings = main.traces
        if settings is None:
            return None
        try:
            from authproxy.tracing.otlp import Traces  # an extra, and a third of a second of imports
        except ImportError as error:
            raise ConfigError(f"otel_endpoint: traces need authproxy[otel]: {error}") from None
        return self._tracing.get(settings, lambda: Traces(settings, self._ground.reactor)).note

    # ------------------------------------------------------------ use

    def discard(self) -> None:
        """It is not going to be used."""
        self._ground.ports.discard()
        self.doors.discard(self._before.doors if self._before else None)
        close_all([closer for shelf in self._shelves() for closer in shelf.discard()])

    def take_over(self) -> None:
        """What arrives from now on is served by this one; what was begun ends as it began."""
        ground, before = self._ground, self._before
        self._before = None
        if before is not None:
            self.doors.take_over(before.doors)
        left = ground.ports.commit(self.doors.behind())
        outdated = [closer for shelf in self._shelves() for closer in shelf.settle()]
        if before is not None:
            before.doors.retire(self.doors, left, ground.retirement)
            ground.retirement.add(lambda: before._pipelines.is_busy, [before._pipelines.close, *outdated])

    @property
    def pending(self) -> int:
        return self.doors.pending

    def event_files(self) -> list[LineFile]:
        return self._event_files.parts()

    def _shelves(self) -> list[Shelf[object, object]]:
        return [*self.primaries.shelves, self._second_factors.shelf, self._event_files, self._tracing]  # type: ignore[list-item]

    # ------------------------------------------------------------ the end

    async def close(self) -> None:
        """Connections of LDAP clients, tunnels, and what logins used, in that order."""
        for server in self.doors.ldap.values():
            await server.close()
        for proxy in self.doors.proxies.values():
            proxy.close()
        self._pipelines.close()
        for shelf in self._shelves():
            for closer in shelf.close():
                await maybeDeferred(closer)


def _end_traces(traces: Traces) -> Deferred[None]:
    return Deferred.fromCoroutine(traces.close())
