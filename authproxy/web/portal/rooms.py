"""What the portal's pages are handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.secondfactor.office import Office
from authproxy.secondfactor.webauthn import Ceremonies


@dataclass(frozen=True, slots=True)
class PortalRooms:
    """``base_url``: ``https://host[:port]``. ``now``: epoch seconds. ``normalization``: of user names."""

    office: Office
    ceremonies: Ceremonies
    base_url: str
    normalization: str
    now: Callable[[], float]
