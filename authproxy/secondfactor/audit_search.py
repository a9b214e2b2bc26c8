"""Searching the record of what administrators changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.listing import Cursor, Excerpt, Total, behind, containing, count_up_to
from authproxy.store.tables import audit


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change. ``before`` and ``after`` are in ``detail`` where something was replaced."""

    id: int
    at: float
    actor: str
    action: str
    object: str
    detail: Mapping[str, JsonValue]
    address: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is wanted; what is empty does not matter. ``actors`` in full (``admin:MAIL``), or up to the colon for
    all of a kind (``api:``). ``actions`` in full. ``text`` anywhere in actor or object."""

    since: float | None = None
    until: float | None = None
    actors: Collection[str] = ()
    actions: Collection[str] = ()
    object: str = ""
    text: str = ""


EVERY_CHANGE = AuditFilter()


def search_audit(
    connection: sa.Connection,
    wanted: AuditFilter = EVERY_CHANGE,
    limit: int = 50,
    cursor: Cursor | None = None,
    *,
    is_descending: bool = True,
) -> Excerpt[AuditRow]:
    """The newest first, unless told otherwise. ``cursor``: of the page before."""
    query = sa.select(*audit.columns).where(*_conditions(wanted))
    if cursor is not None:
        query = query.where(behind(audit.c.at, audit.c.id, cursor, is_descending=is_descending))
    order = (audit.c.at, audit.c.id)
    query = query.order_by(*(column.desc() if is_descending else column for column in order)).limit(limit + 1)
    rows = connection.execute(query).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Excerpt(
        tuple(_row(row) for row in rows[:limit]),
        None if last is None else Cursor(last.at, last.id),
    )


def _row(row: sa.Row[Any]) -> AuditRow:
    return AuditRow(**{**row._mapping, "detail": json.loads(row.detail)})


def place_of(connection: sa.Connection, row: int) -> Cursor | None:
    """Behind the row of this number. None: it is not there any more."""
    at = connection.execute(sa.select(audit.c.at).where(audit.c.id == row)).scalar()
    return None if at is None else Cursor(at, row)


def count_audit(connection: sa.Connection, wanted: AuditFilter = EVERY_CHANGE) -> Total:
    return count_up_to(connection, sa.select(audit.c.id).where(*_conditions(wanted)))


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(audit.c.at < wanted.until)
    if wanted.actors:
        found.append(sa.or_(*(_is_actor(actor) for actor in wanted.actors)))
    if wanted.actions:
        found.append(audit.c.action.in_(wanted.actions))
    if wanted.object:
        found.append(audit.c.object == wanted.object)
    if text := wanted.text.strip():
        found.append(sa.or_(containing(audit.c.object, text), containing(audit.c.actor, text)))
    return found


def _is_actor(actor: str) -> sa.ColumnElement[bool]:
    if actor.endswith(":"):
        return audit.c.actor.startswith(actor, autoescape=True)
    return audit.c.actor == actor
