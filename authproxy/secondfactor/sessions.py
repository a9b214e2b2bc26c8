"""Who is logged in where: the sessions of browsers, of administrators as of users.

A session is a row; the browser holds a cookie of 256 random bits, of which only the SHA-256 is stored. It ends
when it was idle too long, at the latest when it ``expires``, and at once when its row is deleted. A session gets
a new cookie whenever what it may do grows: whoever planted the old one gains nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.store.tables import sessions

ADMIN_IDLE_SECONDS: Final = 30 * 60.0
ADMIN_SECONDS: Final = 12 * 3600.0
CONFIRMED_SECONDS: Final = 10 * 60.0
_TOUCH_SECONDS: Final = 60.0
_COOKIE_BYTES: Final = 32
_LONGEST_BROWSER: Final = 300


@dataclass(frozen=True, slots=True)
class Opened:
    """What the browser is given: once, and stored nowhere in this form."""

    cookie: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """``kind``: admin, portal or prompt. ``subject``: whose it is, by ID; "": nobody's yet. Times in epoch
    seconds.

    ``confirmed``: when the subject last showed password and factor. ``data``: what the pages remember, never a
    secret.
    """

    hash: bytes = field(repr=False)
    kind: str
    subject: str
    csrf: str = field(repr=False)
    created: float
    seen: float
    expires: float
    confirmed: float | None
    address: str
    browser: str
    data: Mapping[str, JsonValue]

    @property
    def id(self) -> str:
        """Names it in a list; the cookie can't be had from it."""
        return self.hash.hex()

    def is_due(self, now: float) -> bool:
        """Whether :func:`touch_session` has something to write."""
        return now - self.seen >= _TOUCH_SECONDS

    def is_confirmed(self, now: float) -> bool:
        """Whether what is dangerous may be done without asking for password and factor once more."""
        return self.confirmed is not None and now - self.confirmed < CONFIRMED_SECONDS


_SESSIONS = sa.select(*(sessions.c[name] for name in Session.__dataclass_fields__))


def open_session(
    connection: sa.Connection,
    kind: str,
    subject: str,
    seconds: float,
    address: str,
    browser: str,
    now: float,
    data: Mapping[str, JsonValue] | None = None,
) -> Opened:
    """For ``seconds`` at most. ``browser``: its User-Agent. Not confirmed: :func:`confirm` does that. What has
    expired is deleted by the way."""
    prune_sessions(connection, now)
    opened = Opened(secrets.token_urlsafe(_COOKIE_BYTES), secrets.token_urlsafe(_COOKIE_BYTES))
    row = {
        "hash": _hash(opened.cookie),
        "kind": kind,
        "subject": subject,
        "csrf": opened.csrf,
        "created": now,
        "seen": now,
        "expires": now + seconds,
        "address": address,
        "browser": browser[:_LONGEST_BROWSER],
        "data": json.dumps(dict(data or {})),
    }
    connection.execute(sessions.insert().values(row))
    return opened


def find_session(
    connection: sa.Connection, kind: str, cookie: str, now: float, idle: float = ADMIN_IDLE_SECONDS
) -> Session | None:
    """None: there is none, it was idle for ``idle`` seconds, or it has expired. Only reads: when it
    :meth:`~Session.is_due`, a change is to call :func:`touch_session`."""
    mine = sa.and_(sessions.c.hash == _hash(cookie), sessions.c.kind == kind)
    row = connection.execute(_SESSIONS.where(mine, *_is_alive(now, idle))).first()
    return None if row is None else _session(row)


def touch_session(connection: sa.Connection, session: Session, now: float) -> None:
    """It is not idle. Once a minute is enough."""
    connection.execute(_this(session).values(seen=now))


def confirm(connection: sa.Connection, session: Session, now: float) -> None:
    """The subject has just shown password and factor."""
    connection.execute(_this(session).values(confirmed=now))


def remember(connection: sa.Connection, session: Session, data: Mapping[str, JsonValue]) -> None:
    """Replaces the session's ``data``."""
    connection.execute(_this(session).values(data=json.dumps(dict(data))))


def list_sessions(
    connection: sa.Connection, kind: str, subject: str, now: float, idle: float = ADMIN_IDLE_SECONDS
) -> list[Session]:
    """Those that are alive, the one seen last first."""
    mine = sa.and_(sessions.c.kind == kind, sessions.c.subject == subject)
    query = _SESSIONS.where(mine, *_is_alive(now, idle)).order_by(sessions.c.seen.desc())
    return [_session(row) for row in connection.execute(query)]


# ---------------------------------------------------------------- the end


def end_session(connection: sa.Connection, session: Session) -> None:
    connection.execute(sessions.delete().where(sessions.c.hash == session.hash))


def end_one(connection: sa.Connection, kind: str, subject: str, session_id: str) -> bool:
    """By :attr:`Session.id`. Whether there was such a session of this subject."""
    try:
        hash_ = bytes.fromhex(session_id)
    except ValueError:
        return False
    mine = sa.and_(sessions.c.hash == hash_, sessions.c.kind == kind, sessions.c.subject == subject)
    return connection.execute(sessions.delete().where(mine)).rowcount == 1


def end_all(connection: sa.Connection, kind: str, subject: str, but: Session | None = None) -> int:
    """All sessions of one subject (``but`` this one). How many there were."""
    mine = [sessions.c.kind == kind, sessions.c.subject == subject]
    if but is not None:
        mine.append(sessions.c.hash != but.hash)
    return connection.execute(sessions.delete().where(*mine)).rowcount


def end_everyone(connection: sa.Connection, kind: str) -> int:
    """The sessions of all subjects. How many there were."""
    return connection.execute(sessions.delete().where(sessions.c.kind == kind)).rowcount


def prune_sessions(connection: sa.Connection, now: float) -> int:
    """Deletes what has expired. How many there were."""
    return connection.execute(sessions.delete().where(sessions.c.expires <= now)).rowcount


def _is_alive(now: float, idle: float) -> tuple[sa.ColumnElement[bool], ...]:
    return sessions.c.expires > now, sessions.c.seen > now - idle


def _this(session: Session) -> sa.Update:
    return sessions.update().where(sessions.c.hash == session.hash)


def _session(row: Sequence[Any]) -> Session:
    return Session(*[*row[:-1], json.loads(row[-1])])


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()
