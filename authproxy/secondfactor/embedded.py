"""The embedded second-factor service: its rooms, built and wired once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import Prices
from authproxy.errors import StoreUnavailable
from authproxy.model import LoginRecord
from authproxy.secondfactor.account_settings import Defaults
from authproxy.secondfactor.applications import Applications
from authproxy.secondfactor.enroll_links import EnrollLinks
from authproxy.secondfactor.fraud import FraudDesk
from authproxy.secondfactor.gateways import Calls, FraudAlert, Gateways, Notifies, Texts
from authproxy.secondfactor.local import LocalSecondFactor
from authproxy.secondfactor.logo import Logo
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.outofband import OutOfBand
from authproxy.secondfactor.phone_location import Locations, open_locations
from authproxy.secondfactor.push import PushDesk
from authproxy.secondfactor.push_jobs import PushLimit
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.transactions import Transactions
from authproxy.secondfactor.trash import sweep
from authproxy.secondfactor.wakeup import listen as wakeup_listen
from authproxy.store.challenges import StoreChallenges
from authproxy.store.engine import Database, open_for_writing, sqlite_path
from authproxy.store.journal import StoreJournal
from authproxy.store.retention import Kept, prune
from authproxy.store.writer import Writer

if TYPE_CHECKING:
    from authproxy.secondfactor.enroll_desk import EnrollDesk
    from authproxy.secondfactor.phone_test import Tests

_PRUNE_EVERY = 6 * 3600.0
_NO_PRICES = Prices()

_log = Logger()


@dataclass(frozen=True, slots=True)
class Outward:
    """The rooms that speak to people, as far as they are there."""

    notifies: Notifies | None = None
    calls: Calls | None = None
    texts: Texts | None = None
    frauds: Sequence[FraudAlert] = ()


class MakesOutward(Protocol):
    """Makes them, once there is a store for what they remember."""

    def __call__(self, writer: Writer, seeds: SeedBox, book: Rulebook) -> Outward: ...


def nobody_outside(writer: Writer, seeds: SeedBox, book: Rulebook) -> Outward:
    return Outward()


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded service and its store."""

    settings: ServiceSettings
    book: Rulebook
    writer: Writer
    journal: StoreJournal
    challenges: StoreChallenges
    pushes: PushDesk
    seeds: SeedBox
    gateways: Gateways
    links: EnrollLinks | None
    locations: Locations

    @classmethod
    def open(
        cls,
        settings: ServiceSettings,
        seed_key: bytes,
        reactor: Reactor,
        closers: list[Callable[[], object]],
        rooms: MakesOutward = nobody_outside,
        prices: Prices = _NO_PRICES,
    ) -> Embedded:
        """What closes it is added to ``closers``. Raises ConfigError, StoreUnavailable, SecretError."""
        seeds = SeedBox(seed_key)
        connection = open_for_writing(settings.database)
        writer = Writer(sqlite_path(settings.database), connection, reactor)
        locations = open_locations(settings.web.geoip_file if settings.web else None)
        book = Rulebook(Defaults(settings, prices), locations.country)
        book.follow(writer, connection)
        writer.start()
        outward = rooms(writer, seeds, book)
        frauds = FraudDesk(writer, time.time, settings.fraud_locks_user, outward.frauds)
        limit = PushLimit(settings.push_limit, settings.push_limit_seconds)
        pushes = PushDesk(writer, reactor, time.time, settings.push_seconds, limit, outward.notifies, frauds)
        pushes.start()
        closers += [writer.stop, pushes.stop, _forget_the_old(writer, book, reactor)]
        wakeup = wakeup_listen(reactor, settings.state_dir, pushes.wake)
        if wakeup is not None:
            closers.append(wakeup.stopListening)
        return cls(
            settings,
            book,
            writer,
            StoreJournal(writer),
            StoreChallenges(writer, settings.challenge_seconds, time.time),
            pushes,
            seeds,
            Gateways(outward.calls, outward.texts, frauds),
            EnrollLinks(seeds, settings.web.base_url, time.time) if settings.web else None,
            locations,
        )

    def second_factor(self, application: str) -> LocalSecondFactor:
        return LocalSecondFactor(
            application,
            self.book,
            self.writer,
            self.seeds,
            self.pushes,
            time.time,
            self.gateways,
            self.links,
        )

    def transactions(self, announce: Callable[[LoginRecord], None], clock: IReactorTime) -> Transactions:
        """The Auth API. Whoever has it made stops it before the store."""
        return Transactions(
            self.book, self.writer, self.seeds, self.ways(), self.journal, announce, clock, time.time, self.links
        )

    def ways(self) -> OutOfBand:
        """To reach people. Calls are shared by those who have the same of it."""
        return OutOfBand(self.book, self.writer, self.seeds, self.pushes, self.gateways, time.time)

    def enrolling(self, base_url: str, tests: Tests) -> EnrollDesk | None:
        """``tests``: asks a phone for an answer."""
        from authproxy.secondfactor.enroll_desk import EnrollDesk  # for daemons with a web side only

        if self.links is None:
            return None
        return EnrollDesk(self.writer, self.links, self.gateways.lines, base_url, time.time, tests)

    def office(self, reactor: Reactor, after_change: Callable[[], object]) -> Office:
        """Whoever has it made closes it before the store."""
        return Office(Database(self.settings.database), reactor, after_change)

    def logo(self) -> Logo:
        return Logo(self.writer)

    def applications(self) -> Applications:
        return Applications(self.writer, self.seeds, time.monotonic)


def kept_of(service: ServiceSettings) -> Kept:
    return Kept(
        logins=service.login_retention_days,
        messages=service.message_retention_days,
        telephony=service.telephony_retention_days,
        audit=service.audit_retention_days,
    )


def _forget_the_old(writer: Writer, book: Rulebook, reactor: IReactorTime) -> Callable[[], None]:
    """And users who were in the trash long enough, every few hours. What stops it."""

    async def forget() -> None:
        account = book.rules.account
        kept, idle = account.number("pending_deletion_days"), account.number("inactive_user_expiration")
        try:
            await sweep(writer, time.time(), kept, idle)
            await prune(writer, kept_of(book.service), time.time())
        except StoreUnavailable as error:
            _log.error("what has had its time could not be deleted: {problem}", problem=str(error))

    pruning = LoopingCall(lambda: Deferred.fromCoroutine(forget()))
    pruning.clock = reactor
    pruning.start(_PRUNE_EVERY)

    def stop() -> None:
        if pruning.running:
            pruning.stop()

    return stop
