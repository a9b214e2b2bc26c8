"""What the Admin API is handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from authproxy.secondfactor.account_settings import Defaults
from authproxy.secondfactor.attempt_counts import AttemptCounts
from authproxy.secondfactor.gateways import AsksPush, TextEnd, Texts
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.reach import Lines, Phone
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.sync_desk import SyncDesk


@dataclass(frozen=True, slots=True)
class ApiRooms:
    """``mode``: ``username_normalization``. ``base_url``: ``https://host[:port]``. ``texts``, ``mail`` None: there
    is no way to send them. ``passcodes``: sends a user (by ID) new ones, where there are ``texts``. ``forget``: an
    application was changed: what is remembered of it is void. ``now``: epoch seconds."""

    office: Office
    seeds: SeedBox
    defaults: Defaults
    mode: str
    base_url: str
    texts: Texts | None
    passcodes: Callable[[str, Phone], Awaitable[TextEnd]]
    lines: Lines
    mail: Mailroom | None
    pushes: AsksPush
    forget: Callable[[str], None]
    now: Callable[[], float]
    attempts: AttemptCounts
    syncs: SyncDesk | None = None
