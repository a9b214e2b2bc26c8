"""What the web's rooms are handed: contracts and settings, never the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from authproxy.messaging.gateway import HearsGateway
from authproxy.secondfactor.authapi import Application, AuthApi
from authproxy.secondfactor.enroll_api import EnrollApi
from authproxy.web.admin.rooms import AdminRooms
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.phone.app import Phones
from authproxy.web.portal.rooms import PortalRooms
from authproxy.web.prompt.rooms import PromptRooms
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals


class Applications(Protocol):
    """Who may sign requests."""

    async def find(self, ikey: str) -> Application | None:
        """Raises StoreUnavailable, SecretError."""
        ...


def nobodys_language() -> str:
    return ""


MakesLogo = Callable[[], Awaitable[bytes | None]]


async def no_logo() -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Site:
    """``host_names``: hosts under which clients may know this service besides the one they call, with or without a
    port. ``language``: the account's; empty: nobody has chosen one. ``logo``: a PNG. ``now``: epoch seconds.
    ``telephony``: None: there is no gateway that reports. ``phones``, ``enrolling``, ``panel``, ``portal``,
    ``prompts``: None: there are no pages for them."""

    auth: AuthApi
    applications: Applications
    rates: Rates
    refusals: Refusals
    now: Callable[[], float]
    host_names: tuple[bytes, ...] = ()
    language: Callable[[], str] = field(default=nobodys_language)
    logo: MakesLogo = field(default=no_logo)
    telephony: HearsGateway | None = None
    phones: Phones | None = None
    enrolling: EnrollApi | None = None
    panel: AdminRooms | None = None
    portal: PortalRooms | None = None
    prompts: PromptRooms | None = None
    admin_api: ApiRooms | None = None
