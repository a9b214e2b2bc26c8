"""The prompt wired: its desk on the rooms of the embedded service."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from authproxy.model import LoginRecord
from authproxy.secondfactor.api_logins import ApiLogins
from authproxy.secondfactor.applications import Applications
from authproxy.secondfactor.embedded import Embedded
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.phone_test import Tests
from authproxy.secondfactor.portal_login import WithPortal
from authproxy.secondfactor.prepared import PreparedPushes
from authproxy.secondfactor.prompt_desk import PromptDesk
from authproxy.secondfactor.prompt_guests import Guests
from authproxy.secondfactor.prompt_keys import PromptKeys
from authproxy.secondfactor.prompt_leaving import Leaving
from authproxy.secondfactor.prompt_newcomers import Newcomers
from authproxy.secondfactor.prompt_trying import Trying
from authproxy.secondfactor.webauthn import Ceremonies


def open_prompts(
    embedded: Embedded,
    office: Office,
    ceremonies: Ceremonies,
    applications: Applications,
    base_url: str,
    announce: Callable[[LoginRecord], None],
    clock: IReactorTime,
    tests: Tests,
) -> PromptDesk:
    """``tests``: asks a phone for an answer. Whoever has it made stops it before the office."""
    ways = embedded.ways()
    prepared = PreparedPushes(clock.seconds)
    logins = ApiLogins(
        embedded.book,
        embedded.writer,
        embedded.seeds,
        ways,
        prepared,
        embedded.journal,
        announce,
        time.time,
        clock.seconds,
    )
    lines, enrolling = embedded.gateways.lines, embedded.enrolling(base_url, tests)
    keys = PromptKeys(office, ceremonies, logins, ways)
    newcomers = Newcomers(embedded.links, enrolling, keys) if embedded.links and enrolling else None
    return PromptDesk(
        office,
        logins,
        Guests(logins, WithPortal(applications), lines, embedded.book.country_of),
        Trying(logins, prepared),
        keys,
        Leaving(office, time.time, embedded.locations.location),
        lines,
        time.time,
        newcomers,
    )
