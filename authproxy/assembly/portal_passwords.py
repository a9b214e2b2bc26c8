"""Who checks passwords at the portal: a client section, as for an appliance."""

from __future__ import annotations

from collections.abc import Callable

from authproxy.model import AuthRequest, Identity, Primary, Trail, new_login_id
from authproxy.secondfactor.portal_login import PORTAL


class PortalPasswords:
    """``primary``: of the configuration that is in use at the moment. ``now``: a steady clock."""

    def __init__(self, primary: Callable[[], Primary], now: Callable[[], float]) -> None:
        self._primary = primary
        self._now = now

    async def __call__(self, username: str, password: bytes, address: str) -> str | None:
        """See ``portal_login.ChecksPassword``."""
        trail = Trail(self._now)
        request = AuthRequest(new_login_id(), PORTAL.name, username, password, address, address, trail)
        outcome = await self._primary().check(request, password)
        if isinstance(outcome, Identity) and not outcome.doubt:
            return outcome.username
        return None
