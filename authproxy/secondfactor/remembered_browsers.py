"""Browsers that are remembered: for some days a user who logs in from one is not asked for a second factor.

A browser holds a cookie of 256 random bits for each user and application; its SHA-256 is stored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from authproxy.store.tables import remembered_browsers as table

DAY: Final = 86_400.0
_LONGEST_BROWSER: Final = 300


@dataclass(frozen=True, slots=True)
class RememberedBrowser:
    """A row. ``application``: an ikey; "": every application. Times: epoch seconds."""

    id: str
    application: str
    created: float
    expires: float
    last_used: float | None
    browser: str
    address: str


def remember_browser(
    connection: sa.Connection,
    user_id: str,
    application: str,
    days: int,
    browser: str,
    address: str,
    now: float,
) -> str:
    """What the browser is given. ``browser``: its User-Agent. What has expired is forgotten."""
    connection.execute(table.delete().where(table.c.expires <= now))
    secret = secrets.token_urlsafe(32)
    connection.execute(
        table.insert().values(
            hash=_hash(secret),
            user_id=user_id,
            application=application,
            created=now,
            expires=now + days * DAY,
            browser=browser[:_LONGEST_BROWSER],
            address=address,
        )
    )
    return secret


def use_remembered(
    connection: sa.Connection, secret: str, user_id: str, application: str, days: int, now: float
) -> bool:
    """Whether it holds; notes that it was used. ``days``: what the policy says today counts as well."""
    used = (
        table.update()
        .where(
            table.c.hash == _hash(secret),
            table.c.user_id == user_id,
            table.c.application == application,
            table.c.expires > now,
            table.c.created > now - days * DAY,
        )
        .values(last_used=now)
    )
    return connection.execute(used).rowcount == 1


def browsers_of(connection: sa.Connection, user_id: str, now: float) -> list[RememberedBrowser]:
    """Those that hold, the newest first."""
    c = table.c
    query = (
        sa.select(c.hash, c.application, c.created, c.expires, c.last_used, c.browser, c.address)
        .where(c.user_id == user_id, c.expires > now)
        .order_by(c.created.desc())
    )
    return [RememberedBrowser(hash_.hex(), *rest) for hash_, *rest in connection.execute(query)]


def forget_browsers(connection: sa.Connection, user_id: str) -> int:
    """All of a user's. How many there were."""
    return connection.execute(table.delete().where(table.c.user_id == user_id)).rowcount


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
