"""Phones of everybody, a page at a time: by number, name, ID or whose they are."""

from __future__ import annotations

import re
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.listing import Listing, Window, containing
from authproxy.secondfactor.phones import PhoneRow, read_phones
from authproxy.store.tables import phone_users, phones, users

_NO_DIGITS: Final = re.compile(r"[^0-9]")
_NUMBER: Final = re.compile(r"[+0-9 ()./-]+")


def search_phones(connection: sa.Connection, window: Window, text: str = "") -> Listing[PhoneRow]:
    """The oldest first."""
    wanted = _has_text(text.strip()) if text.strip() else sa.true()
    rows = read_phones(connection, lambda query: query.where(wanted).limit(window.limit).offset(window.offset))
    total = connection.execute(sa.select(sa.func.count()).select_from(phones).where(wanted)).scalar_one()
    return Listing(tuple(rows), total)


def phones_of(
    connection: sa.Connection, window: Window, number: str | None = None, extension: str | None = None
) -> Listing[PhoneRow]:
    """Of a number (E.164), of an extension, of both, or all. The oldest first."""
    wanted = sa.and_(
        phones.c.number == number if number is not None else sa.true(),
        phones.c.extension == extension if extension is not None else sa.true(),
    )
    rows = read_phones(connection, lambda query: query.where(wanted).limit(window.limit).offset(window.offset))
    total = connection.execute(sa.select(sa.func.count()).select_from(phones).where(wanted)).scalar_one()
    return Listing(tuple(rows), total)


def _has_text(text: str) -> sa.ColumnElement[bool]:
    owned = (
        sa.select(phone_users.c.phone_id)
        .join(users, users.c.id == phone_users.c.user_id)
        .where(containing(users.c.username, text))
    )
    ways = [containing(phones.c.name, text), phones.c.id == text.upper(), phones.c.id.in_(owned)]
    digits = _NO_DIGITS.sub("", text)
    if digits and _NUMBER.fullmatch(text):
        ways.append(containing(phones.c.number, digits))
    return sa.or_(*ways)
