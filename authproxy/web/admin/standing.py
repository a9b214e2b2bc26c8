"""Who a browser's cookie says is there, and how far the login has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.admin_login import HALFWAY
from authproxy.secondfactor.administrators import Administrator, find_administrator
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.sessions import Session, find_session, touch_session
from authproxy.web.admin.visit import Visit


@dataclass(frozen=True, slots=True)
class Standing:
    """``is_halfway``: the password was right, the second factor is still to come."""

    who: Administrator | None = None
    session: Session | None = None
    is_halfway: bool = False


NOBODY: Final = Standing()


async def standing_of(visit: Visit, cookie: str) -> Standing:
    """Raises StoreUnavailable."""
    if not cookie:
        return NOBODY
    now = visit.rooms.now()

    def look(connection: sa.Connection) -> Standing:
        session = find_session(connection, "admin", cookie, now)
        if session is None:
            return NOBODY
        try:
            who = find_administrator(connection, session.subject)
        except NotFound:
            return NOBODY
        if who.status != "active":
            return NOBODY
        return Standing(who, session, bool(session.data.get(HALFWAY)))

    return await visit.rooms.office.glance(look)


async def touch(visit: Visit, standing: Standing) -> None:
    """The session is in use."""
    session = standing.session
    now = visit.rooms.now()
    if session is not None and session.is_due(now):
        await visit.change(lambda connection: touch_session(connection, session, now))
