"""Searching the authentication log: any page of a million logins, by time, user, application and outcome.

Pages are found by their :class:`~authproxy.secondfactor.listing.Cursor`, never by counting rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authproxy.model import LoginRecord
from authproxy.secondfactor.listing import Cursor, Excerpt, Total, behind, containing, count_up_to
from authproxy.secondfactor.names import normalize
from authproxy.store.journal import is_of, login_of_row
from authproxy.store.tables import aliases, login_names, logins, users

_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}|[0-9a-f]*:[0-9a-f:.]*")
_LOGIN_ID = re.compile(r"[A-Za-z0-9-]{6,40}")
_FEW_NAMES = 500
_FEW_LOGINS = 10_000
_COLUMNS = [column for column in logins.columns if column.name not in ("id", "name")]


@dataclass(frozen=True, slots=True)
class LoginFilter:
    """What is wanted; what is empty does not matter. ``since`` (inclusive) and ``until`` (exclusive) in epoch
    seconds. ``names``: of users, normalized. ``results``: accept, reject, challenge; ``reasons`` as
    ``model.Reason`` spells them; ``applications``: sections, or applications with keys, by name. ``login_id`` in
    any case. ``text`` is the whole of a login's ID or of the client's address, or anywhere in the user's name.
    ``either``: at least one of these has to fit too."""

    since: float | None = None
    until: float | None = None
    names: Collection[str] = ()
    applications: Collection[str] = ()
    factors: Collection[str] = ()
    results: Collection[str] = ()
    reasons: Collection[str] = ()
    login_id: str = ""
    text: str = ""
    either: tuple[LoginFilter, ...] = ()


EVERY_LOGIN = LoginFilter()


def search_logins(
    connection: sa.Connection,
    wanted: LoginFilter = EVERY_LOGIN,
    limit: int = 50,
    cursor: Cursor | None = None,
    *,
    is_descending: bool = True,
) -> Excerpt[LoginRecord]:
    """The newest first, unless told otherwise. ``cursor``: of the page before."""
    query = sa.select(logins.c.id, *_COLUMNS).where(*_conditions(connection, wanted))
    if cursor is not None:
        query = query.where(behind(logins.c.at, logins.c.id, cursor, is_descending=is_descending))
    order = (logins.c.at, logins.c.id)
    query = query.order_by(*(column.desc() if is_descending else column for column in order)).limit(limit + 1)
    rows = connection.execute(query).mappings().all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Excerpt(
        tuple(login_of_row(row) for row in rows[:limit]),
        None if last is None else Cursor(last["at"], last["id"]),
    )


def count_logins(connection: sa.Connection, wanted: LoginFilter = EVERY_LOGIN) -> Total:
    """Exact for a stretch of time; a search by more than that is counted up to a limit."""
    conditions = _conditions(connection, wanted)
    if all(not value for name, value in _fields(wanted) if name not in ("since", "until")):
        query = sa.select(sa.func.count()).select_from(logins).where(*conditions)
        return Total(int(connection.execute(query).scalar_one()), is_exact=True)
    return count_up_to(connection, sa.select(logins.c.id).where(*conditions))


def place_of(connection: sa.Connection, login: int) -> Cursor | None:
    """Behind the row of this number. None: it is not there any more."""
    at = connection.execute(sa.select(logins.c.at).where(logins.c.id == login)).scalar()
    return None if at is None else Cursor(at, login)


def user_ids(connection: sa.Connection, names: Collection[str], mode: str) -> dict[str, str]:
    """The users who logged in under ``names``, as they were typed; names that nobody has are missing."""
    keys = {name: normalize(name, mode) for name in names}
    wanted = set(keys.values())
    known = sa.union_all(
        sa.select(users.c.username, users.c.id).where(users.c.username.in_(wanted)),
        sa.select(aliases.c.name, aliases.c.user_id).where(aliases.c.name.in_(wanted)),
    )
    ids = {row[0]: row[1] for row in connection.execute(known)}
    return {name: ids[key] for name, key in keys.items() if key in ids}


def _fields(wanted: LoginFilter) -> list[tuple[str, Any]]:
    return [(name, getattr(wanted, name)) for name in LoginFilter.__dataclass_fields__]


def _conditions(connection: sa.Connection, wanted: LoginFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(logins.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(logins.c.at < wanted.until)
    for column, values in (
        (logins.c.section, wanted.applications),
        (logins.c.factor, wanted.factors),
        (logins.c.result, wanted.results),
        (logins.c.reason, wanted.reasons),
    ):
        if values:
            found.append(column.in_(values))
    if wanted.names:
        found.append(sa.or_(*(is_of(name) for name in wanted.names)))
    if wanted.login_id:
        found.append(logins.c.login_id == wanted.login_id.strip().upper())
    if wanted.either:
        found.append(sa.or_(*(sa.and_(sa.true(), *_conditions(connection, each)) for each in wanted.either)))
    if wanted.text.strip():
        found.append(_has_text(connection, wanted.text.strip()))
    return found


def _has_text(connection: sa.Connection, text: str) -> sa.ColumnElement[bool]:
    if _ADDRESS.fullmatch(text):
        return logins.c.client_ip == text
    if _LOGIN_ID.fullmatch(text):  # asked apart: beside the names it would cost each of them a look
        named = logins.c.login_id == text.upper()
        if connection.execute(sa.select(logins.c.id).where(named).limit(1)).first() is not None:
            return named
    return _has_name(connection, text)


def _has_name(connection: sa.Connection, text: str) -> sa.ColumnElement[bool]:
    """``text`` in the name as it was typed. Names are far fewer than logins: of a text that is in few of them the
    logins are looked up, and one that is in many is soon met on the way through the log."""
    in_name = containing(login_names.c.username, text)
    found = connection.execute(sa.select(login_names).where(in_name).limit(_FEW_NAMES + 1)).all()
    if len(found) > _FEW_NAMES:
        return containing(logins.c.username, text)
    typed = logins.c.username.in_([row.username for row in found])
    ids = sa.select(logins.c.id).where(logins.c.name.in_({row.name for row in found}))
    some = ids.limit(_FEW_LOGINS + 1).subquery()
    if connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() > _FEW_LOGINS:
        return containing(logins.c.username, text)
    return sa.and_(logins.c.id.in_(ids), typed)
