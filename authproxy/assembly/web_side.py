"""The web side wired: APIs, pages and the rooms behind them. Loaded only where there is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from authproxy.assembly.assembly import Assembly, Ground
from authproxy.assembly.outside import Outside
from authproxy.assembly.portal_passwords import PortalPasswords
from authproxy.assembly.ports import Place, Sockets
from authproxy.assembly.status_looks import StatusLooks
from authproxy.config.settings import LdapServerSettings, RadiusServerSettings, Settings, WebSettings
from authproxy.model import LoginRecord
from authproxy.secondfactor.attempt_counts import AttemptCounts
from authproxy.secondfactor.login_figures import LoginFigures
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.secondfactor.phone_rooms import PhoneRooms
from authproxy.secondfactor.portal_login import PortalLogin
from authproxy.secondfactor.prompt_desk import PromptDesk
from authproxy.secondfactor.prompt_rooms import open_prompts
from authproxy.secondfactor.status import Report
from authproxy.secondfactor.status_board import StatusBoard
from authproxy.secondfactor.sync_desk import SyncDesk
from authproxy.secondfactor.telephony_view import outcomes
from authproxy.secondfactor.webauthn import Ceremonies
from authproxy.web.admin.rooms import PRIMARY_ONLY, AdminRooms
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.front import Front, open_front
from authproxy.web.phone.app import Phones
from authproxy.web.portal.rooms import PortalRooms
from authproxy.web.prompt.rooms import PromptRooms
from authproxy.web.rates import Rates

_LATELY = 900.0  # seconds of which the status page tells


@dataclass(frozen=True, slots=True)
class WebSide:
    """What runs."""

    front: Front
    bus: PhoneBus
    prompts: PromptDesk

    def hang_up(self) -> None:
        """Phones and pages that wait look for the other process now."""
        self.bus.close()
        self.prompts.hang_up()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the web side is opened in. ``assembly``: the one in use at the moment. ``announce``: told of logins by
    the APIs. ``closers``: what ends it is added to them."""

    ground: Ground
    assembly: Callable[[], Assembly]
    outside: Outside
    announce: Callable[[LoginRecord], None]
    closers: list[Callable[[], object]]
    syncs: SyncDesk | None


def open_web(settings: Settings, web: WebSettings, around: Surroundings, sockets: Sockets) -> WebSide:
    """Stopped before what it uses: first the listener, then the logins that go on by themselves. Raises
    ConfigError."""
    ground, outside, closers = around.ground, around.outside, around.closers
    embedded, reactor, now = ground.embedded, ground.reactor, time.time
    phones = PhoneRooms.open(embedded, web, reactor, closers)
    phones.notices.on_brought = lambda how: ground.metrics.push_deliveries.labels(how).inc()
    transactions = embedded.transactions(around.announce, reactor)
    office = embedded.office(reactor, embedded.pushes.look_again)
    ceremonies = Ceremonies(web.base_url, now)
    panel = AdminRooms(
        office,
        embedded.seeds,
        settings.service,
        web.base_url,
        phones.desk,
        now,
        ceremonies,
        Rates(web.password_rate, time.monotonic),
        mail=outside.mailroom,
        texts=outside.texts,
        syncs=around.syncs,
        prices=outside.prices,
        sections=_applications_of(settings),
        status=_open_status(around, office),
        pending=lambda: around.assembly().pending,
        warnings=lambda: [PRIMARY_ONLY] if ground.desk.primary_only.is_on else [],
        figures=LoginFigures(office, now),
    )
    applications = embedded.applications()

    def language() -> str:
        return embedded.book.rules.account.chosen_language

    tests = phones.desk.send_test
    prompts = open_prompts(
        embedded, office, ceremonies, applications, web.base_url, around.announce, reactor, tests
    )
    passwords = _portal_passwords(web, around)
    portal_login = PortalLogin(office, prompts, passwords, web.base_url, now)
    attempts = Rates(web.password_rate, time.monotonic)
    portal = PortalRooms(office, ceremonies, web.base_url, now, portal_login, attempts, language, tests)
    admin_api = ApiRooms(
        office,
        embedded.seeds,
        embedded.book.defaults,
        settings.service.username_normalization,
        web.base_url,
        outside.texts,
        embedded.ways().send_passcodes,
        embedded.gateways.lines,
        panel.mail,
        embedded.pushes,
        applications.forget,
        now,
        AttemptCounts(now),
        around.syncs,
    )
    closers.append(office.close)
    front = open_front(
        web,
        settings.service.state_dir,
        transactions,
        applications,
        reactor,
        sockets.get(Place("tcp", web.interface, web.port)),
        telephony=outside.callbacks,
        phones=Phones(phones.desk, phones.pipush, phones.bus),
        enrolling=embedded.enrolling(web.base_url, tests),
        panel=panel,
        portal=portal,
        admin_api=admin_api,
        prompts=PromptRooms(prompts, office, applications, web.base_url, now, language),
        language=language,
        logo=embedded.logo().png,
        is_debug=settings.main.debug,
    )
    closers += [transactions.stop, prompts.stop, front.stop, phones.bus.close, prompts.hang_up]
    return WebSide(front, phones.bus, prompts)


def _open_status(around: Surroundings, office: Office) -> Callable[[], Report]:
    """What the status pages show, kept up to date."""
    ground, post, texts = around.ground, around.outside.post, around.outside.texts

    def is_mail_down() -> bool:
        return post is not None and post.postman.is_down

    looks = StatusLooks(
        ground.embedded.writer.touch,
        ground.metrics,
        ground.reactor,
        None if post is None else is_mail_down,
        None if texts is None else lambda: office.read(lambda c: outcomes(c, time.time() - _LATELY)),
    )
    board = StatusBoard(looks, office, ground.reactor, time.time)
    ground.reactor.callLater(0, board.start)  # type: ignore[no-untyped-call]
    around.closers.append(board.stop)
    return lambda: board.report


def _portal_passwords(web: WebSettings, around: Surroundings) -> PortalPasswords | None:
    if not web.portal_client:
        return None
    primaries = around.assembly
    return PortalPasswords(
        lambda: primaries().primaries.checks_passwords(web.portal_client), around.ground.reactor.seconds
    )


def _applications_of(settings: Settings) -> tuple[str, ...]:
    """Names of what the server sections are to the embedded service."""
    sections: list[RadiusServerSettings | LdapServerSettings] = [*settings.radius_servers, *settings.ldap_servers]
    return tuple(sorted({each.application or each.name for each in sections if each.remote is None}))
