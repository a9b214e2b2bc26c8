"""Sessions of the self-service portal: short, for whoever has just given a second factor."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.audit import note
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.sessions import Opened, Session, find_session, open_session
from authproxy.secondfactor.users import User, find_user

KIND: Final = "portal"
COOKIE: Final = "__Host-portal"
SECONDS: Final = 3600.0
IDLE_SECONDS: Final = 600.0


def open_portal(connection: sa.Connection, user_id: str, address: str, browser: str, now: float) -> Opened:
    """For a user who has given a second factor, or a bypass code, this minute: nobody else. Raises NotFound."""
    user = find_user(connection, user_id, "none")
    note(connection, f"user:{user.username}", "portal login", user.username, address=address)
    return open_session(connection, KIND, user.id, SECONDS, address, browser, now)


def find_portal(connection: sa.Connection, cookie: str, now: float) -> tuple[User, Session] | None:
    """None: there is no such session, or its user may not log in any more."""
    session = find_session(connection, KIND, cookie, now, IDLE_SECONDS)
    if session is None:
        return None
    try:
        user = find_user(connection, session.subject, "none")
    except NotFound:
        return None
    return None if user.status == "disabled" else (user, session)
