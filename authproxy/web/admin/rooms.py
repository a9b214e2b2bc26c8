"""What the pages of the Admin Panel are handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import Prices
from authproxy.secondfactor.account_settings import Defaults
from authproxy.secondfactor.gateways import Texts
from authproxy.secondfactor.login_figures import LoginFigures
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.phone_desk import PhoneDesk
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.status import Report
from authproxy.secondfactor.sync_desk import SyncDesk
from authproxy.secondfactor.webauthn import Ceremonies
from authproxy.web.pages.catalogue import _
from authproxy.web.rates import Rates


def nothing_known() -> Report:
    """The status where nobody looks."""
    return Report(0.0, ())


_NO_PRICES = Prices()


PRIMARY_ONLY: Final = _(
    "Primary-only mode is on: nobody is asked for a second factor, and passwords alone let people in."
)


@dataclass(frozen=True, slots=True)
class AdminRooms:
    """``now``: epoch seconds. ``base_url``: ``https://host[:port]``. ``keys``: security keys. ``attempts``: how
    often an address may try to log in. ``warnings``: what every page shows on top, as primary-only mode.
    ``mail``, ``texts``: None: there is no mail server, or no gateway for messages. ``pending``: logins that are
    being decided. ``figures``: None: the log is not counted. ``sections``: the applications that server
    sections are."""

    office: Office
    seeds: SeedBox
    settings: ServiceSettings
    base_url: str
    phones: PhoneDesk
    now: Callable[[], float]
    keys: Ceremonies
    attempts: Rates
    warnings: Callable[[], list[str]] = list
    mail: Mailroom | None = None
    texts: Texts | None = None
    syncs: SyncDesk | None = None
    status: Callable[[], Report] = nothing_known
    pending: Callable[[], int] = int
    prices: Prices = _NO_PRICES
    sections: tuple[str, ...] = ()
    figures: LoginFigures | None = None

    @property
    def defaults(self) -> Defaults:
        """What the account's settings are as long as nobody changes them."""
        return Defaults(self.settings, self.prices)
