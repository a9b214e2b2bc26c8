"""Searching users: by what a help desk is told (name, mail address, phone number, serial), a page at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.listing import Listing, Window, containing, is_all
from authproxy.secondfactor.users import PENDING_DELETION, User, read_users
from authproxy.store.tables import (
    aliases,
    device_users,
    devices,
    phone_users,
    phones,
    security_keys,
    user_groups,
    users,
)

LOCKED_OUT: Final = "locked out"
_FEWEST_DIGITS = 4
_NUMBER = re.compile(r"[+0-9 ()./-]+")
_NO_DIGITS = re.compile(r"[^0-9]")


class UserOrder(StrEnum):
    """What a list is ordered by; a minus before it turns it round."""

    NAME = "username"
    REALNAME = "realname"
    EMAIL = "email"
    STATUS = "status"
    CREATED = "created"
    LAST_LOGIN = "last_login"


@dataclass(frozen=True, slots=True)
class UserFilter:
    """What is wanted; what is empty does not matter. ``text`` anywhere in a name, alias, mail address or token's
    serial, or in a phone's number (with at least four digits). ``status``: active, bypass, disabled,
    ``locked out`` or ``pending deletion``. ``names``: normalized, aliases count. ``is_enrolled``: has a phone, a
    token or a security key."""

    text: str = ""
    status: str = ""
    group_id: str = ""
    is_enrolled: bool | None = None
    directory_id: str = ""
    email: str = ""
    names: Collection[str] = ()
    ids: Collection[str] = ()


EVERYBODY = UserFilter()


def search_users(
    connection: sa.Connection,
    wanted: UserFilter = EVERYBODY,
    window: Window = Window(),  # noqa: B008  # it can't be changed
    order: UserOrder = UserOrder.NAME,
    *,
    is_descending: bool = False,
) -> Listing[User]:
    """Users of the same rank are in the order of their IDs."""
    conditions = _conditions(wanted)
    column = users.c[str(order)]
    by = (column.desc() if is_descending else column, users.c.id)
    found = read_users(
        connection,
        lambda query: query.where(*conditions).order_by(*by).limit(window.limit).offset(window.offset),
    )
    if is_all(len(found), window):
        return Listing(tuple(found), window.offset + len(found))
    total = connection.execute(sa.select(sa.func.count()).select_from(users).where(*conditions)).scalar_one()
    return Listing(tuple(found), total)


def _conditions(wanted: UserFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.status == LOCKED_OUT:
        found.append(users.c.locked_until > time.time())
    elif wanted.status == PENDING_DELETION:
        found.append(users.c.trashed.is_not(None))
    elif wanted.status:
        found.append(sa.and_(users.c.status == wanted.status, users.c.trashed.is_(None)))
    if wanted.group_id:
        members = sa.select(user_groups.c.user_id).where(user_groups.c.group_id == wanted.group_id)
        found.append(users.c.id.in_(members))
    if wanted.is_enrolled is not None:
        found.append(_is_enrolled() if wanted.is_enrolled else sa.not_(_is_enrolled()))
    if wanted.directory_id:
        found.append(users.c.directory_id == wanted.directory_id)
    if wanted.email:
        found.append(users.c.email == wanted.email)
    if wanted.names:
        others = sa.select(aliases.c.user_id).where(aliases.c.name.in_(wanted.names))
        found.append(sa.or_(users.c.username.in_(wanted.names), users.c.id.in_(others)))
    if wanted.ids:
        found.append(users.c.id.in_(wanted.ids))
    if wanted.text.strip():
        found.append(_has_text(wanted.text.strip()))
    return found


def _is_enrolled() -> sa.ColumnElement[bool]:
    owned = (device_users.c.user_id, phone_users.c.user_id, security_keys.c.user_id)
    return sa.or_(*(sa.exists(sa.select(column).where(column == users.c.id)) for column in owned))


def _has_text(text: str) -> sa.ColumnElement[bool]:
    own = (users.c.username, users.c.display_name, users.c.realname, users.c.email)
    serials = (
        sa.select(device_users.c.user_id)
        .join(devices, devices.c.id == device_users.c.device_id)
        .where(containing(devices.c.serial, text))
    )
    ways = [
        *(containing(column, text) for column in own),
        users.c.id == text.upper(),
        users.c.id.in_(sa.select(aliases.c.user_id).where(containing(aliases.c.name, text))),
        users.c.id.in_(serials),
    ]
    digits = _NO_DIGITS.sub("", text)
    if _NUMBER.fullmatch(text) and len(digits) >= _FEWEST_DIGITS:
        numbers = (
            sa.select(phone_users.c.user_id)
            .join(phones, phones.c.id == phone_users.c.phone_id)
            .where(containing(phones.c.number, digits))
        )
        ways.append(users.c.id.in_(numbers))
    return sa.or_(*ways)
