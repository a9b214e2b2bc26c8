"""The object graph: every room built and wired once, readable as a diagram; the sections' parts may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger

from authproxy.assembly.assembly import Assembly, Ground
from authproxy.assembly.directory_syncs import open_syncs
from authproxy.assembly.fixed import fixed_differences
from authproxy.assembly.outside import Outside
from authproxy.assembly.ports import Place, Ports, Sockets
from authproxy.assembly.retirement import Retirement
from authproxy.config.settings import (
    LdapServerSettings,
    MetricsSettings,
    RadiusServerSettings,
    Settings,
)
from authproxy.errors import ConfigError
from authproxy.linefile import LineFile
from authproxy.loginlog import LoginLog, SectionNames
from authproxy.metrics import Metrics
from authproxy.model import LoginRecord
from authproxy.radius.attributes import Dictionary
from authproxy.secondfactor.embedded import Embedded
from authproxy.support.desk import SupportDesk

if TYPE_CHECKING:
    from authproxy.assembly.web_side import WebSide
    from authproxy.secondfactor.sync_desk import SyncDesk
    from authproxy.web.front import Front

_log = Logger()

NO_SOCKETS = Sockets()


@dataclass(slots=True)
class Service:
    """What runs, and how it ends. ``closers`` are called last to first."""

    ground: Ground
    assembly: Assembly
    closers: list[Callable[[], object]]
    side: WebSide | None = None
    monitor: IListeningPort | None = None
    syncs: SyncDesk | None = None

    @property
    def web(self) -> Front | None:
        return self.side.front if self.side is not None else None

    @property
    def metrics(self) -> Metrics:
        return self.ground.metrics

    @property
    def ports(self) -> Ports:
        return self.ground.ports

    def change(self, settings: Settings, dictionary: Dictionary) -> None:
        """Serves by ``settings`` from now on. Raises ConfigError: nothing has changed then."""
        fixed = fixed_differences(self.assembly.settings, settings)
        if fixed:
            raise ConfigError(
                f"{settings.path}: {', '.join(fixed)} can't be changed while running: authproxyctl restart applies"
                " that, without losing a login"
            )
        made = Assembly.make(settings, dictionary, self.ground, self.assembly)
        try:
            if self.web is not None:
                self.web.certificate.reload()
        except ConfigError:
            made.discard()
            raise
        self.assembly = made
        made.take_over()
        self.watch()

    def watch(self) -> None:
        """The figures are of what is in use now."""
        certificates: dict[tuple[str, str], Callable[[], float | None]] = {}
        for server in self.assembly.doors.ldap.values():
            if server.certificate is not None:
                certificates["ldap", server.section.name] = partial(getattr, server.certificate, "expires")
        if self.web is not None:
            certificates["web", "service"] = partial(getattr, self.web.certificate, "expires")
        self.metrics.states.watch(self.assembly.primaries.states(), certificates)

    def log_of_api(self, login: LoginRecord) -> None:
        """Logins that come by the APIs."""
        names, assembly = SectionNames("service", None), self.assembly
        watches = self.ground.desk.watchlist.has
        is_debug = assembly.settings.main.debug
        LoginLog(names, self.metrics, assembly.events, is_debug, watches, assembly.trace)(login)

    @property
    def log_files(self) -> list[LineFile]:
        return self.assembly.event_files()

    # ------------------------------------------------------------ one process after another

    def listening(self) -> list[int]:
        """File descriptors of everything that is listened on."""
        numbers = list(self.ports.sockets().values())
        if self.web is not None:
            numbers.append(self.web.listener.fileno())
        if self.monitor is not None:
            numbers.append(cast(Any, self.monitor).fileno())
        return numbers

    def go_on(self) -> None:
        """Reads, after ``build`` has been told to wait or ``ports.pause``."""
        self.ports.go_on()
        if self.web is not None and not self.web.listener.is_open:
            self.web.start()

    async def finish(self, seconds: float) -> None:
        """What was begun may end within that time. Another process takes what is new."""
        if self.side is not None:
            self.side.hang_up()
        ends = [server.close(seconds, keeps_idle=True) for server in self.assembly.doors.ldap.values()]
        if self.web is not None:
            ends.append(self.web.stop(seconds))
        give_up = self.ground.reactor.seconds() + seconds
        while self._is_busy() and self.ground.reactor.seconds() < give_up:
            await deferLater(self.ground.reactor, 0.1)
        for end in ends:
            await end

    def _is_busy(self) -> bool:
        return not self.assembly.doors.is_done or self.ground.retirement.is_busy

    @property
    def longest_login(self) -> float:
        """Seconds after which everything that an appliance waits for has been answered."""
        settings = self.assembly.settings
        sections: list[RadiusServerSettings | LdapServerSettings] = [
            *settings.radius_servers,
            *settings.ldap_servers,
        ]
        return max((section.appliance_timeout for section in sections), default=0.0)

    async def stop(self) -> None:
        """Takes no more requests, then closes connections and the database, in that order."""
        await self.ports.close()
        await self.ground.retirement.close()
        await self.assembly.close()
        for close in reversed(self.closers):
            await maybeDeferred(close)


def build(
    settings: Settings, seed_key: bytes, reactor: Reactor, sockets: Sockets = NO_SOCKETS, *, waits: bool = False
) -> Service:
    """Opens the database, the log of events and every port that ``sockets`` does not hold, and starts.

    ``waits``: with ``go_on``. Raises ConfigError, StoreUnavailable.
    """
    dictionary = load_dictionary(settings)
    closers: list[Callable[[], object]] = []
    outside = Outside(settings, reactor, closers)
    embedded = Embedded.open(settings.service, seed_key, reactor, closers, outside.rooms, outside.prices)
    metrics = Metrics()
    outside.start(metrics)
    desk = SupportDesk.open(settings.service.state_dir, reactor)
    ground = Ground(embedded, metrics, Ports(reactor, sockets), Retirement(reactor), reactor, desk)
    _watch_rooms(ground.metrics, embedded)
    ground.metrics.primary_only.set_function(lambda: desk.primary_only.is_on)
    desk.primary_only.read()
    closers.append(desk.primary_only.close)
    if waits:
        ground.ports.pause()
    service = Service(ground, Assembly.make(settings, dictionary, ground), closers)
    service.assembly.take_over()
    service.syncs = open_syncs(
        embedded, lambda: service.assembly.settings, outside.mailroom, ground.metrics, reactor, closers
    )
    if settings.service.web is not None:
        from authproxy.assembly.web_side import Surroundings, open_web  # half a second that many don't need

        around = Surroundings(
            ground, lambda: service.assembly, outside, service.log_of_api, closers, service.syncs
        )
        service.side = open_web(settings, settings.service.web, around, sockets)
        if not waits:
            reactor.callLater(0, service.go_on)  # type: ignore[no-untyped-call]
    service.watch()
    if settings.metrics is not None:
        _open_monitor(settings.metrics, service, sockets)
    return service


def load_dictionary(settings: Settings) -> Dictionary:
    """Takes a moment. Raises ConfigError."""
    dictionary = Dictionary.load(settings.main.dictionary_dir)
    for warning in dictionary.warnings:
        _log.warn("dictionary: {warning}", warning=warning)
    return dictionary


def _watch_rooms(metrics: Metrics, embedded: Embedded) -> None:
    embedded.writer.on_commit = metrics.commit_seconds.observe
    metrics.database_queue.set_function(lambda: embedded.writer.waiting)
    embedded.pushes.on_end = lambda status: metrics.pushes.labels(status).inc()
    metrics.pushes_pending.set_function(embedded.pushes.pending)


def _open_monitor(settings: MetricsSettings, service: Service, sockets: Sockets) -> None:
    """Closed last: until then it says that nothing more is served here."""
    from authproxy.monitor.door import open_door  # an HTTP server that few daemons need
    from authproxy.monitor.readiness import OpenPorts, Readiness

    embedded, reactor = service.ground.embedded, service.ground.reactor
    ports = OpenPorts(service.ports.listening)

    def places() -> dict[str, bool]:
        web = service.web
        return {**ports(), "web": web.listener.is_open} if web is not None else ports()

    readiness = Readiness(embedded.writer.touch, places, reactor)
    opened = sockets.get(Place("tcp", settings.interface, settings.port))
    service.monitor = open_door(settings, service.metrics, readiness, opened, reactor)
    service.closers.insert(0, service.monitor.stopListening)
