"""Security keys of users, everybody's, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.secondfactor.listing import Listing, Window, containing
from authproxy.store.tables import security_keys, users


@dataclass(frozen=True, slots=True)
class UsersKey:
    """Times in epoch seconds. ``is_backed_up``: a passkey that a cloud keeps."""

    id: str
    name: str
    user_id: str
    username: str
    is_backed_up: bool
    created: float
    last_used: float | None


_c = security_keys.c
_ROW = sa.select(
    _c.id, _c.name, _c.user_id, users.c.username, _c.is_backed_up, _c.created, _c.last_used
).select_from(security_keys.join(users, users.c.id == _c.user_id))


def search_keys(connection: sa.Connection, window: Window, text: str = "") -> Listing[UsersKey]:
    """By user. ``text``: in the user's name or the key's."""
    some = text.strip()
    wanted = sa.or_(containing(users.c.username, some), containing(_c.name, some)) if some else sa.true()
    query = _ROW.where(wanted)
    rows = connection.execute(
        query.order_by(users.c.username, _c.created, _c.id).limit(window.limit).offset(window.offset)
    )
    total = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    return Listing(tuple(UsersKey(*row[:4], bool(row[4]), *row[5:]) for row in rows), total)
