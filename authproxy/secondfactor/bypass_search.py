"""Bypass codes that still work, everybody's, a page at a time. The codes themselves can't be had."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.secondfactor.listing import Listing, Window, containing
from authproxy.secondfactor.refusals import NotFound
from authproxy.store.tables import bypass_codes, users


@dataclass(frozen=True, slots=True)
class GivenCode:
    """Times in epoch seconds; None: not limited in that way. ``created_by``: an actor, as in the audit."""

    id: str
    user_id: str
    username: str
    uses_left: int | None
    expires: float | None
    created: float
    created_by: str


_c = bypass_codes.c
_ROW = sa.select(
    _c.id, _c.user_id, users.c.username, _c.uses_left, _c.expires, _c.created, _c.created_by
).select_from(bypass_codes.join(users, users.c.id == _c.user_id))


def search_codes(
    connection: sa.Connection, window: Window, text: str = "", user_id: str = ""
) -> Listing[GivenCode]:
    """The newest first. ``text``: in the user's name."""
    works = [
        sa.or_(_c.uses_left.is_(None), _c.uses_left > 0),
        sa.or_(_c.expires.is_(None), _c.expires > time.time()),
    ]
    if text.strip():
        works.append(containing(users.c.username, text.strip()))
    if user_id:
        works.append(_c.user_id == user_id)
    query = _ROW.where(*works)
    rows = connection.execute(
        query.order_by(_c.created.desc(), _c.id).limit(window.limit).offset(window.offset)
    ).all()
    total = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    return Listing(tuple(GivenCode(*row) for row in rows), total)


def find_code(connection: sa.Connection, code_id: str) -> GivenCode:
    """Raises NotFound."""
    row = connection.execute(_ROW.where(_c.id == code_id.strip().upper())).first()
    if row is None:
        raise NotFound(f"there is no bypass code {code_id!r}")
    return GivenCode(*row)


def delete_code(connection: sa.Connection, code: GivenCode) -> None:
    """It is refused from now on."""
    connection.execute(bypass_codes.delete().where(_c.id == code.id))
