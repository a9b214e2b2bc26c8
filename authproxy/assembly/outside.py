"""The rooms that speak to people, as far as they are configured: SMS, calls and mail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor

from authproxy.config.settings import Settings
from authproxy.config.settings_telephony import Prices
from authproxy.messaging.gateway import HearsGateway
from authproxy.messaging.lines import open_lines
from authproxy.metrics import Metrics
from authproxy.secondfactor.embedded import Outward
from authproxy.secondfactor.gateways import Texts
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.telephony import Ledger
from authproxy.store.writer import Writer

if TYPE_CHECKING:
    from authproxy.messaging.post_office import PostOffice
    from authproxy.secondfactor.admin_notices import AdminNotices
    from authproxy.secondfactor.mailroom import Mailroom


class Outside:
    """``callbacks``, ``texts``, ``post``: None until :meth:`rooms` has made them, or where there are none."""

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
        ledger = Ledger(writer, lambda: book.rules.prices, time.time, telephony.limits)
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

        self.post = PostOffice.open(
            self._settings.mail,
            base_url,
            seeds,
            outbox,
            self._reactor,
            time.time,
            lambda: book.rules.account.text("language"),
            lambda: book.rules.account.text("name"),
        )
        return AdminNotices(writer, self.post.mailroom, lambda: book.rules.account)

    @property
    def mailroom(self) -> Mailroom | None:
        return self.post.mailroom if self.post is not None else None

    def start(self, metrics: Metrics) -> None:
        """Mail goes out from now on."""
        if self.post is None:
            return
        postman = self.post.postman
        postman.on_end = lambda result: metrics.mails.labels(result).inc()
        metrics.mail_server_down.set_function(lambda: postman.is_down)
        postman.start()
        self._closers.append(postman.stop)
