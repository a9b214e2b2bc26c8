"""What the portal's pages are handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.secondfactor.office import Office
from authproxy.secondfactor.phone_test import Tests
from authproxy.secondfactor.portal_login import PortalLogin
from authproxy.secondfactor.webauthn import Ceremonies
from authproxy.web.rates import Rates


@dataclass(frozen=True, slots=True)
class PortalRooms:
    """``base_url``: ``https://host[:port]``. ``now``: epoch seconds. ``attempts``: how often an address may try a
    password. ``language``: the account's; empty: nobody has chosen one. ``tests``: asks a
    phone for an answer."""

    office: Office
    ceremonies: Ceremonies
    base_url: str
    now: Callable[[], float]
    login: PortalLogin
    attempts: Rates
    language: Callable[[], str]
    tests: Tests
