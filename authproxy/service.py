"""The object graph: every room built and wired once, readable as a diagram; the sections' parts may change."""

from __future__ import annotations

import time
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
from authproxy.assembly.ports import Place, Ports, Sockets
from authproxy.assembly.retirement import Retirement
from authproxy.config.settings import (
    LdapServerSettings,
    MetricsSettings,
    RadiusServerSettings,
    Settings,
    WebSettings,
)
from authproxy.config.settings_telephony import Prices
from authproxy.errors import ConfigError
from authproxy.linefile import LineFile
from authproxy.loginlog import LoginLog, SectionNames
from authproxy.messaging.gateway import HearsGateway
from authproxy.messaging.lines import open_lines
from authproxy.metrics import Metrics
from authproxy.model import LoginRecord
from authproxy.radius.attributes import Dictionary
from authproxy.secondfactor.embedded import Embedded, Outward
from authproxy.secondfactor.gateways import Texts
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.status import Report
from authproxy.secondfactor.telephony import Ledger
from authproxy.secondfactor.telephony_view import outcomes
from authproxy.store.writer import Writer
from authproxy.support.desk import SupportDesk

if TYPE_CHECKING:
    from authproxy.messaging.post_office import PostOffice
    from authproxy.messaging.postman import Postman
    from authproxy.secondfactor.admin_notices import AdminNotices
    from authproxy.secondfactor.office import Office
    from authproxy.secondfactor.phone_bus import PhoneBus
    from authproxy.secondfactor.portal_login import ChecksPassword
    from authproxy.secondfactor.prompt_desk import PromptDesk
    from authproxy.secondfactor.sync_desk import SyncDesk
    from authproxy.web.front import Front

_log = Logger()

NO_SOCKETS = Sockets()
_LATELY = 900.0  # seconds of which the status page tells


@dataclass(slots=True)
class Service:
    """What runs, and how it ends. ``closers`` are called last to first."""

    ground: Ground
    assembly: Assembly
    closers: list[Callable[[], object]]
    web: Front | None = None
    monitor: IListeningPort | None = None
    bus: PhoneBus | None = None
    prompts: PromptDesk | None = None
    syncs: SyncDesk | None = None

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
        if self.bus is not None:
            self.bus.close()  # phones look for the other process now
        if self.prompts is not None:
            self.prompts.hang_up()  # and so do pages that wait for them
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
    if outside.post is not None:
        _start_postman(outside.post.postman, metrics, closers)
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
    post = outside.post.mailroom if outside.post is not None else None
    service.syncs = open_syncs(embedded, lambda: service.assembly.settings, post, ground.metrics, reactor, closers)
    if settings.service.web is not None:
        service.web = _open_web(settings.service.web, service, outside, sockets)
        if not waits:
            reactor.callLater(0, service.go_on)  # type: ignore[no-untyped-call]
    service.watch()
    if settings.metrics is not None:
        _open_monitor(settings.metrics, service, sockets)
    return service


def _applications_of(settings: Settings) -> tuple[str, ...]:
    """Names of what the server sections are to the embedded service."""
    sections: list[RadiusServerSettings | LdapServerSettings] = [*settings.radius_servers, *settings.ldap_servers]
    return tuple(sorted({each.application or each.name for each in sections if each.remote is None}))


def load_dictionary(settings: Settings) -> Dictionary:
    """Takes a moment. Raises ConfigError."""
    dictionary = Dictionary.load(settings.main.dictionary_dir)
    for warning in dictionary.warnings:
        _log.warn("dictionary: {warning}", warning=warning)
    return dictionary


def _start_postman(postman: Postman, metrics: Metrics, closers: list[Callable[[], object]]) -> None:
    postman.on_end = lambda result: metrics.mails.labels(result).inc()
    metrics.mail_server_down.set_function(lambda: postman.is_down)
    postman.start()
    closers.append(postman.stop)


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


def _open_web(web: WebSettings, service: Service, outside: Outside, sockets: Sockets) -> Front:
    """The APIs. Stopped before what they use: first the listener, then the logins that go on by themselves."""
    # half a second of imports that many daemons don't need
    from authproxy.secondfactor.login_figures import LoginFigures
    from authproxy.secondfactor.phone_rooms import PhoneRooms
    from authproxy.secondfactor.portal_login import PortalLogin
    from authproxy.secondfactor.prompt_rooms import open_prompts
    from authproxy.secondfactor.webauthn import Ceremonies
    from authproxy.web.admin.rooms import AdminRooms
    from authproxy.web.api.admin.rooms import ApiRooms
    from authproxy.web.front import open_front
    from authproxy.web.phone.app import Phones
    from authproxy.web.portal.rooms import PortalRooms
    from authproxy.web.prompt.rooms import PromptRooms
    from authproxy.web.rates import Rates

    settings, embedded, reactor = service.assembly.settings, service.ground.embedded, service.ground.reactor
    phones = PhoneRooms.open(embedded, web, reactor, service.closers)
    phones.notices.on_brought = lambda how: service.metrics.push_deliveries.labels(how).inc()
    transactions = embedded.transactions(service.log_of_api, reactor)
    office = embedded.office(reactor, embedded.pushes.look_again)
    ceremonies = Ceremonies(web.base_url, time.time)
    panel = AdminRooms(
        office,
        embedded.seeds,
        settings.service,
        web.base_url,
        phones.desk,
        time.time,
        ceremonies,
        Rates(min(1.0, web.request_rate), time.monotonic),
        mail=outside.post.mailroom if outside.post is not None else None,
        texts=outside.texts,
        syncs=service.syncs,
        prices=outside.prices,
        sections=_applications_of(settings),
        status=_open_status(service, office, outside),
        pending=lambda: service.assembly.pending,
        figures=LoginFigures(office, time.time),
    )
    applications = embedded.applications()
    prompts = open_prompts(embedded, office, ceremonies, applications, web.base_url, service.log_of_api, reactor)
    passwords = _portal_passwords(web, service)
    portal_login = PortalLogin(office, prompts, passwords, web.base_url, time.time)
    attempts = Rates(min(1.0, web.request_rate), time.monotonic)
    portal = PortalRooms(office, ceremonies, web.base_url, time.time, portal_login, attempts)
    admin_api = ApiRooms(
        office,
        embedded.seeds,
        embedded.book.defaults,
        settings.service.username_normalization,
        web.base_url,
        outside.texts,
        embedded.gateways.lines,
        panel.mail,
        embedded.pushes,
        applications.forget,
        time.time,
        service.syncs,
    )
    service.closers.append(office.close)
    front = open_front(
        web,
        settings.service.state_dir,
        transactions,
        applications,
        reactor,
        sockets.get(Place("tcp", web.interface, web.port)),
        telephony=outside.callbacks,
        phones=Phones(phones.desk, phones.pipush, phones.bus),
        enrolling=embedded.enrolling(web.base_url, phones.desk.send_test),
        panel=panel,
        portal=portal,
        admin_api=admin_api,
        prompts=PromptRooms(prompts, office, applications, web.base_url, time.time),
        logo=embedded.logo().png,
        is_debug=settings.main.debug,
    )
    service.bus, service.prompts = phones.bus, prompts
    service.closers += [transactions.stop, prompts.stop, front.stop, phones.bus.close, prompts.hang_up]
    return front


def _open_status(service: Service, office: Office, outside: Outside) -> Callable[[], Report]:
    """What the status pages show, kept up to date."""
    from authproxy.assembly.status_looks import StatusLooks
    from authproxy.secondfactor.status_board import StatusBoard

    embedded, reactor = service.ground.embedded, service.ground.reactor
    post = outside.post

    def is_mail_down() -> bool:
        return post is not None and post.postman.is_down

    looks = StatusLooks(
        embedded.writer.touch,
        service.metrics,
        reactor,
        None if post is None else is_mail_down,
        None if outside.texts is None else lambda: office.read(lambda c: outcomes(c, time.time() - _LATELY)),
    )
    board = StatusBoard(looks, office, reactor, time.time)
    reactor.callLater(0, board.start)  # type: ignore[no-untyped-call]
    service.closers.append(board.stop)
    return lambda: board.report


def _portal_passwords(web: WebSettings, service: Service) -> ChecksPassword | None:
    from authproxy.assembly.portal_passwords import PortalPasswords

    if not web.portal_client:
        return None
    reactor = service.ground.reactor
    return PortalPasswords(lambda: service.assembly.primaries.checks_passwords(web.portal_client), reactor.seconds)


# ---------------------------------------------------------------- who speaks to people


class Outside:
    """The rooms that do, as far as they are configured."""

    def __init__(self, settings: Settings, reactor: Reactor, closers: list[Callable[[], object]]) -> None:
        self._settings = settings
        self._reactor = reactor
        self._closers = closers
        self.callbacks: HearsGateway | None = None
        self.texts: Texts | None = None
        self.post: PostOffice | None = None
        self.prices = settings.telephony.prices if settings.telephony else Prices()

    def rooms(self, writer: Writer, seeds: SeedBox, book: Rulebook) -> Outward:
        """Raises ConfigError."""
        telephony, web = self._settings.telephony, self._settings.service.web
        base_url = web.base_url if web else ""
        outbox = Outbox(writer, seeds, time.time)
        notices = self._mail(writer, seeds, book, outbox, base_url)
        frauds = (notices,) if notices is not None else ()
        if telephony is None:
            return Outward(frauds=frauds)
        ledger = Ledger(writer, lambda: book.rules.prices, time.time)
        if notices is not None:
            ledger.on_low_credit = notices.notify_low_credit
        key = seeds.derived("telephony reports")
        lines = open_lines(telephony, base_url, key, ledger, self._reactor, self._closers, outbox)
        self.callbacks, self.texts = lines.callbacks, lines.texts
        return Outward(calls=lines.calls, texts=lines.texts, frauds=frauds)

    def _mail(
        self, writer: Writer, seeds: SeedBox, book: Rulebook, outbox: Outbox, base_url: str
    ) -> AdminNotices | None:
        """Raises ConfigError."""
        if self._settings.mail is None:
            return None
        from authproxy.messaging.post_office import PostOffice  # templates and SMTP, which many daemons don't need
        from authproxy.secondfactor.admin_notices import AdminNotices

        self.post = PostOffice.open(self._settings.mail, base_url, seeds, outbox, self._reactor, time.time)
        return AdminNotices(writer, self.post.mailroom, lambda: book.rules.account)
