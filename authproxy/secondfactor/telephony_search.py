"""Searching the ledger of messages and calls."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.secondfactor.listing import Cursor, Excerpt, Total, behind, containing, count_up_to
from authproxy.secondfactor.telephony import SHOWN_DIGITS
from authproxy.secondfactor.telephony_view import Entry, entry_of, selected
from authproxy.store.tables import telephony, users


@dataclass(frozen=True, slots=True)
class TelephonyFilter:
    """What is wanted; what is empty does not matter. ``kinds``: sms, call. ``text`` anywhere in the user's name,
    or a number of whose end is kept."""

    since: float | None = None
    until: float | None = None
    kinds: Collection[str] = ()
    purposes: Collection[str] = ()
    statuses: Collection[str] = ()
    user_id: str = ""
    text: str = ""


EVERY_ENTRY = TelephonyFilter()


def search_telephony(
    connection: sa.Connection,
    wanted: TelephonyFilter = EVERY_ENTRY,
    limit: int = 50,
    cursor: Cursor | None = None,
    *,
    is_descending: bool = True,
) -> Excerpt[Entry]:
    """The newest first, unless told otherwise. ``cursor``: of the page before."""
    columns = telephony.c
    query = selected().where(*_conditions(wanted))
    if cursor is not None:
        query = query.where(behind(columns.at, columns.id, cursor, is_descending=is_descending))
    order = (columns.at, columns.id)
    query = query.order_by(*(column.desc() if is_descending else column for column in order)).limit(limit + 1)
    rows = connection.execute(query).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Excerpt(
        tuple(entry_of(row) for row in rows[:limit]),
        None if last is None else Cursor(last.at, last.id),
    )


def place_of(connection: sa.Connection, row: int) -> Cursor | None:
    """Behind the row of this number. None: it is not there any more."""
    at = connection.execute(sa.select(telephony.c.at).where(telephony.c.id == row)).scalar()
    return None if at is None else Cursor(at, row)


def count_telephony(connection: sa.Connection, wanted: TelephonyFilter = EVERY_ENTRY) -> Total:
    return count_up_to(connection, sa.select(telephony.c.id).where(*_conditions(wanted)))


def _conditions(wanted: TelephonyFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(telephony.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(telephony.c.at < wanted.until)
    for column, values in (
        (telephony.c.kind, wanted.kinds),
        (telephony.c.purpose, wanted.purposes),
        (telephony.c.status, wanted.statuses),
    ):
        if values:
            found.append(column.in_(values))
    if wanted.user_id:
        found.append(telephony.c.user_id == wanted.user_id)
    if text := wanted.text.strip():
        named = sa.select(users.c.id).where(containing(users.c.username, text))
        found.append(sa.or_(telephony.c.user_id.in_(named), telephony.c.last_digits == text[-SHOWN_DIGITS:]))
    return found
