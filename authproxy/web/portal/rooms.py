"""What the portal's pages are handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.secondfactor.office import Office
from authproxy.secondfactor.portal_login import PortalLogin
from authproxy.secondfactor.webauthn import Ceremonies
from authproxy.web.rates import Rates


@dataclass(frozen=True, slots=True)
class PortalRooms:
    """``base_url``: ``https://host[:port]``. ``now``: epoch seconds. ``attempts``: how often an address may try a
    password."""

    office: Office
    ceremonies: Ceremonies
    base_url: str
    now: Callable[[], float]
    login: PortalLogin
    attempts: Rates
