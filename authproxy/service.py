"""The object graph: every room built and wired once, readable as a diagram; the sections' parts may change."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from authproxy.assembly.assembly import Assembly, Ground
from authproxy.assembly.fixed import fixed_differences
from authproxy.assembly.ports import Place, Ports, Sockets
from authproxy.assembly.retirement import Retirement
from authproxy.config.settings import MetricsSettings, Settings, WebSettings
from authproxy.errors import ConfigError
from authproxy.linefile import LineFile
from authproxy.loginlog import LoginLog, SectionNames
from authproxy.messaging.gateway import HearsGateway
from authproxy.messaging.lines import open_lines
from authproxy.metrics import Metrics
from authproxy.model import LoginRecord
from authproxy.radius.attributes import Dictionary
from authproxy.secondfactor.embedded import Embedded, Outward
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.telephony import Ledger
from authproxy.store.writer import Writer

if TYPE_CHECKING:
    from authproxy.web.front import Front

_log = Logger()

NO_SOCKETS = Sockets()


@dataclass(slots=True)
class Service:
    """What runs, and how it ends. ``closers`` are called last to first."""

    ground: Ground
    assembly: Assembly
    closers: list[Callable[[], object]]
    web: Front | None = None

    @property
    def metrics(self) -> Metrics:
        return self.ground.metrics

    @property
    def ports(self) -> Ports:
        return self.ground.ports

    @property
    def is_busy(self) -> bool:
        """Whether a login is being decided."""
        return self.assembly.pending > 0 or self.ground.retirement.is_busy

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
        LoginLog(names, self.metrics, assembly.events, assembly.settings.main.debug)(login)

    @property
    def log_files(self) -> list[LineFile]:
        return self.assembly.event_files()

    async def stop(self) -> None:
        """Takes no more requests, then closes connections and the database, in that order."""
        await self.ports.close()
        await self.ground.retirement.close()
        await self.assembly.close()
        for close in reversed(self.closers):
            await maybeDeferred(close)


def build(settings: Settings, seed_key: bytes, reactor: Reactor, sockets: Sockets = NO_SOCKETS) -> Service:
    """Opens the database, the log of events and every port that ``sockets`` does not hold, and starts.

    Raises ConfigError, StoreUnavailable.
    """
    dictionary = load_dictionary(settings)
    closers: list[Callable[[], object]] = []
    outside = Outside(settings, reactor, closers)
    embedded = Embedded.open(settings.service, seed_key, reactor, closers, outside.rooms)
    ground = Ground(embedded, Metrics(), Ports(reactor, sockets), Retirement(reactor), reactor)
    _watch_rooms(ground.metrics, embedded)
    service = Service(ground, Assembly.make(settings, dictionary, ground), closers)
    service.assembly.take_over()
    if settings.service.web is not None:
        service.web = _open_web(settings.service.web, service, outside, sockets)
    service.watch()
    if settings.metrics is not None:
        _open_monitor(settings.metrics, service, embedded, reactor)
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


def _open_monitor(settings: MetricsSettings, service: Service, embedded: Embedded, reactor: Reactor) -> None:
    """Closed last: until then it says that nothing more is served here."""
    from authproxy.monitor.door import open_door  # an HTTP server that few daemons need
    from authproxy.monitor.readiness import OpenPorts, Readiness

    ports = OpenPorts(service.ports.listening)

    def places() -> dict[str, bool]:
        web = service.web
        return {**ports(), "web": web.listener.is_open} if web is not None else ports()

    readiness = Readiness(embedded.writer.touch, places, reactor)
    port = open_door(settings, service.metrics, readiness, reactor)
    service.closers.insert(0, port.stopListening)


def _open_web(web: WebSettings, service: Service, outside: Outside, sockets: Sockets) -> Front:
    """The APIs. Stopped before what they use: first the listener, then the logins that go on by themselves."""
    # half a second of imports that many daemons don't need
    from authproxy.secondfactor.phone_rooms import PhoneRooms
    from authproxy.web.front import open_front
    from authproxy.web.phone.app import Phones

    settings, embedded, reactor = service.assembly.settings, service.ground.embedded, service.ground.reactor
    phones = PhoneRooms.open(embedded, web, reactor, service.closers)
    transactions = embedded.transactions(service.log_of_api, reactor)
    front = open_front(
        web,
        settings.service.state_dir,
        transactions,
        embedded.applications(),
        reactor,
        sockets.get(Place("tcp", web.interface, web.port)),
        telephony=outside.callbacks,
        phones=Phones(phones.desk, phones.pipush, phones.bus),
        is_debug=settings.main.debug,
    )
    service.closers += [transactions.stop, front.stop, phones.bus.close]
    reactor.callLater(0, front.start)  # type: ignore[no-untyped-call]
    return front


# ---------------------------------------------------------------- who speaks to people


class Outside:
    """The rooms that do, as far as they are configured."""

    def __init__(self, settings: Settings, reactor: Reactor, closers: list[Callable[[], object]]) -> None:
        self._settings = settings
        self._reactor = reactor
        self._closers = closers
        self.callbacks: HearsGateway | None = None

    def rooms(self, writer: Writer, seeds: SeedBox) -> Outward:
        """Raises ConfigError."""
        telephony, web = self._settings.telephony, self._settings.service.web
        if telephony is None:
            return Outward()
        ledger = Ledger(writer, telephony.prices, time.time)
        base_url = web.base_url if web else ""
        key = seeds.derived("telephony reports")
        lines = open_lines(telephony, base_url, key, ledger, self._reactor, self._closers)
        self.callbacks = lines.callbacks
        return Outward(calls=lines.calls, texts=lines.texts)
