"""Hardware tokens, a page at a time: by serial, or whose they are."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.secondfactor.listing import Listing, Window, containing
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.tokens import Token, kind_of, read_tokens
from authproxy.store.tables import device_users, devices, users


def search_tokens(
    connection: sa.Connection, window: Window, text: str = "", *, is_assigned: bool | None = None
) -> Listing[Token]:
    """By serial."""
    wanted = [devices.c.origin == "hardware"]
    if text.strip():
        wanted.append(_has_text(text.strip()))
    if is_assigned is not None:
        owner = sa.exists(sa.select(device_users.c.user_id).where(device_users.c.device_id == devices.c.id))
        wanted.append(owner if is_assigned else sa.not_(owner))
    rows = read_tokens(connection, lambda query: query.where(*wanted).limit(window.limit).offset(window.offset))
    total = connection.execute(sa.select(sa.func.count()).select_from(devices).where(*wanted)).scalar_one()
    return Listing(tuple(rows), total)


def tokens_of(
    connection: sa.Connection, window: Window, type_: str | None = None, serial: str | None = None
) -> Listing[Token]:
    """Of a type, of a serial in full, or of both. Raises BadValue."""
    wanted = [devices.c.origin == "hardware"]
    if type_ is not None:
        kind, digits = kind_of(type_)
        wanted += [devices.c.kind == kind, devices.c.digits == digits]
    if serial is not None:
        wanted.append(devices.c.serial == serial)
    rows = read_tokens(connection, lambda query: query.where(*wanted).limit(window.limit).offset(window.offset))
    total = connection.execute(sa.select(sa.func.count()).select_from(devices).where(*wanted)).scalar_one()
    return Listing(tuple(rows), total)


def token_by_id(connection: sa.Connection, token_id: str) -> Token:
    """Raises NotFound."""
    found = read_tokens(connection, lambda query: query.where(devices.c.id == token_id.strip().upper()))
    if not found:
        raise NotFound(f"there is no token {token_id!r}")
    return found[0]


def _has_text(text: str) -> sa.ColumnElement[bool]:
    owned = (
        sa.select(device_users.c.device_id)
        .join(users, users.c.id == device_users.c.user_id)
        .where(containing(users.c.username, text))
    )
    return sa.or_(containing(devices.c.serial, text), devices.c.id == text.upper(), devices.c.id.in_(owned))
