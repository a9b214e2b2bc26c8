"""The last logins of one user. However many logins there are, few are looked at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.store.journal import is_of
from authproxy.store.tables import logins

_MOST: Final = 10
_NAMES: Final = ("login_id", "at", "section", "username", "client_ip", "result", "reason", "factor", "device")


@dataclass(frozen=True, slots=True)
class BriefLogin:
    """A login without its steps; ``at`` in epoch seconds."""

    login_id: str
    at: float
    section: str
    username: str
    client_ip: str | None
    result: str
    reason: str
    factor: str
    device: str


def last_logins(connection: sa.Connection, names: Collection[str], most: int = _MOST) -> list[BriefLogin]:
    """The newest first. ``names``: all of the user's, aliases too; there is at least one."""
    query = sa.select(*(logins.c[name] for name in _NAMES)).where(sa.or_(*(is_of(name) for name in names)))
    return [BriefLogin(*row) for row in connection.execute(query.order_by(logins.c.at.desc()).limit(most))]
