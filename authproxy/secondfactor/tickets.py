"""Tickets: things that somebody holds and that count once, for a while. Stored as their SHA-256."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.store.tables import tickets as table

Payload = Mapping[str, JsonValue]


def issue(
    connection: sa.Connection, kind: str, secret: bytes, payload: Payload, expires: float, now: float
) -> None:
    """``secret``: what is held, random. Those that have expired are forgotten."""
    connection.execute(table.delete().where(table.c.expires <= now))
    connection.execute(_row(kind, secret, payload, expires, now))


def take(connection: sa.Connection, kind: str, secret: bytes, now: float) -> Payload | None:
    """Uses it up. None: there is none, it was used, or has expired."""
    used = (
        table.update()
        .where(
            table.c.hash == sha256(secret).digest(),
            table.c.kind == kind,
            table.c.used.is_(None),
            table.c.expires > now,
        )
        .values(used=now)
        .returning(table.c.payload)
    )
    payload = connection.execute(used).scalar_one_or_none()
    return None if payload is None else json.loads(payload)


def is_new(connection: sa.Connection, kind: str, text: bytes, expires: float, now: float) -> bool:
    """Of something that others have made up and that may come once: whether it has not come before. It is
    remembered until it ``expires``."""
    try:
        with connection.begin_nested():
            connection.execute(_row(kind, text, {}, expires, now))
    except sa.exc.IntegrityError:
        return False
    return True


def _row(kind: str, secret: bytes, payload: Payload, expires: float, now: float) -> sa.Insert:
    return table.insert().values(
        hash=sha256(secret).digest(), kind=kind, payload=json.dumps(dict(payload)), created=now, expires=expires
    )
