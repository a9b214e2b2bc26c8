"""Phones of users: as administrators manage them, and as a login loads them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.reach import Phone, masked
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.users import User, chunks
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import devices, phone_apps, phone_users, phones, users

TYPES: Final = ("mobile", "landline", "unknown")
_LONGEST_NAME = 100
_E164 = range(8, 16)  # digits


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A phone in a list, with what is known of its app; times in epoch seconds. ``is_untested``: the app does not
    count yet, see ``phone_test``."""

    id: str
    name: str
    number: str = field(repr=False)
    extension: str
    type: str
    platform: str
    predelay: int | None
    postdelay: int | None
    created: float
    app: str
    app_since: float | None
    last_contact: float | None
    clock_offset: float | None
    permission: str
    is_untested: bool
    usernames: tuple[str, ...]

    @property
    def takes_pushes(self) -> bool:
        return bool(self.app) and not self.is_untested

    @property
    def label(self) -> str:
        """How it is shown to its user: never more of a number than its last digits."""
        return self.name or masked(self.number) or self.id

    @property
    def reached(self) -> Phone:
        """As far as it matters how it can be reached."""
        return Phone(
            self.id, self.name, self.number, self.extension, self.type, self.platform, self.app, self.predelay,
            self.postdelay,
        )  # fmt: skip


# ---------------------------------------------------------------- for logins

_LOAD = compiled(
    sa.select(
        phones.c.id,
        phones.c.name,
        phones.c.number,
        phones.c.extension,
        phones.c.type,
        phones.c.platform,
        sa.case(
            (phone_apps.c.is_untested == sa.literal_column("0"), phone_apps.c.kind),
            else_=sa.literal_column("''"),
        ),
        phones.c.predelay,
        phones.c.postdelay,
    )
    .select_from(
        phone_users.join(phones, phones.c.id == phone_users.c.phone_id).outerjoin(
            phone_apps, phone_apps.c.phone_id == phones.c.id
        )
    )
    .where(phone_users.c.user_id == bindparam("owner"))
    .order_by(phone_users.c.position, phones.c.created)
)


def load_phones(connection: Connection, user_id: str) -> tuple[Phone, ...]:
    """A user's phones in order, in the writer's thread."""
    return tuple(Phone(*row) for row in connection.execute(_LOAD, {"owner": user_id}).fetchall())


# ---------------------------------------------------------------- for administrators


def add_phone(
    connection: sa.Connection,
    user: User | None,
    number: str = "",
    name: str = "",
    type_: str = "mobile",
    platform: str = "",
    extension: str = "",
    predelay: int | None = None,
    postdelay: int | None = None,
) -> PhoneRow:
    """A phone, of ``user`` if given. Without a number it is a tablet, or known by its app alone.
    Raises BadValue."""
    phone_id = new_id("DP")
    connection.execute(
        phones.insert().values(
            id=phone_id,
            name=_checked_text(name, "name"),
            number=checked_number(number),
            extension=_checked_text(extension, "extension"),
            type=_checked_type(type_),
            platform=_checked_text(platform, "platform"),
            predelay=predelay,
            postdelay=postdelay,
            created=time.time(),
        )
    )
    if user is not None:
        assign(connection, phone_id, user)
    return find_phone(connection, phone_id)


def assign(connection: sa.Connection, phone_id: str, user: User) -> None:
    """The phone becomes the user's last; nothing happens if it is one of theirs."""
    mine = sa.and_(phone_users.c.user_id == user.id, phone_users.c.phone_id == phone_id)
    if connection.execute(sa.select(phone_users.c.position).where(mine)).first() is not None:
        return
    last = sa.select(sa.func.coalesce(sa.func.max(phone_users.c.position), 0)).where(
        phone_users.c.user_id == user.id
    )
    position = connection.execute(last).scalar_one() + 1
    connection.execute(phone_users.insert().values(user_id=user.id, phone_id=phone_id, position=position))


def unassign(connection: sa.Connection, phone_id: str, user: User) -> None:
    """What the phone is being asked for this user ends."""
    cancel_pushes(connection, time.time(), user.id, phone_id)
    connection.execute(
        phone_users.delete().where(phone_users.c.user_id == user.id, phone_users.c.phone_id == phone_id)
    )


def change_phone(connection: sa.Connection, phone: PhoneRow, changes: dict[str, str | int | None]) -> None:
    """``changes``: any of number, name, extension, type, platform, predelay, postdelay. Raises BadValue."""
    checks = {"number": checked_number, "type": _checked_type}
    values = {
        key: checks[key](str(value))
        if key in checks
        else value
        if value is None or isinstance(value, int)
        else _checked_text(value, key)
        for key, value in changes.items()
    }
    if values:
        connection.execute(phones.update().where(phones.c.id == phone.id).values(**values))


def delete_phone(connection: sa.Connection, phone: PhoneRow) -> None:
    """With its app, its code generator and its SMS codes; pushes to it that are pending end unanswered."""
    cancel_pushes(connection, time.time(), phone_id=phone.id)
    connection.execute(devices.delete().where(devices.c.phone_id == phone.id))
    connection.execute(phones.delete().where(phones.c.id == phone.id))


def find_phone(connection: sa.Connection, phone_id: str) -> PhoneRow:
    """Raises NotFound."""
    found = _rows(connection, phones.c.id == phone_id.strip().upper())
    if not found:
        raise NotFound(f"there is no phone {phone_id!r}; `authproxy phone list USER` shows a user's")
    return found[0]


def list_phones(connection: sa.Connection, user: User | None = None, number: str | None = None) -> list[PhoneRow]:
    """Everybody's, one user's in their order, or those of a number."""
    if user is None:
        return _rows(connection, phones.c.number == number if number is not None else sa.true())
    mine = sa.select(phone_users.c.phone_id, phone_users.c.position).where(phone_users.c.user_id == user.id)
    order = {row.phone_id: row.position for row in connection.execute(mine)}
    rows = _rows(connection, phones.c.id.in_(order))
    return sorted(rows, key=lambda row: order[row.id])


_ROW = (
    sa.select(
        *(phones.c[name] for name in (
            "id", "name", "number", "extension", "type", "platform", "predelay", "postdelay", "created",
        )),
        sa.func.coalesce(phone_apps.c.kind, "").label("app"),
        phone_apps.c.created.label("app_since"),
        phone_apps.c.last_contact,
        phone_apps.c.clock_offset,
        sa.func.coalesce(phone_apps.c.permission, "").label("permission"),
        (sa.func.coalesce(phone_apps.c.is_untested, 0) != 0).label("is_untested"),
    )
    .select_from(phones.outerjoin(phone_apps, phone_apps.c.phone_id == phones.c.id))
)  # fmt: skip


def read_phones(connection: sa.Connection, narrowed: Callable[[sa.Select[Any]], sa.Select[Any]]) -> list[PhoneRow]:
    """The phones that a query finds, the oldest first. ``narrowed`` adds where and limit to one for all."""
    rows = connection.execute(narrowed(_ROW.order_by(phones.c.created, phones.c.id))).all()
    names = _usernames(connection, [row.id for row in rows])
    return [PhoneRow(**row._mapping, usernames=names.get(row.id, ())) for row in rows]


def some_phones(connection: sa.Connection, ids: Sequence[str]) -> list[PhoneRow]:
    """Those that are there."""
    return [phone for some in chunks(ids) for phone in _rows(connection, phones.c.id.in_(some))]


def _rows(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[PhoneRow]:
    return read_phones(connection, lambda query: query.where(where))


def _usernames(connection: sa.Connection, ids: list[str]) -> dict[str, tuple[str, ...]]:
    query = (
        sa.select(phone_users.c.phone_id, users.c.username)
        .join(users, users.c.id == phone_users.c.user_id)
        .where(phone_users.c.phone_id.in_(ids))
        .order_by(users.c.username)
    )
    found: dict[str, tuple[str, ...]] = {}
    for phone_id, username in connection.execute(query):
        found[phone_id] = (*found.get(phone_id, ()), username)
    return found


# ---------------------------------------------------------------- what is written down


def checked_number(number: str) -> str:
    """E.164 (``+15555550100``) of what was typed; a number without ``+`` is one of North America if it has ten
    digits. It must be as long as numbers of its country are. Empty stays empty. Raises BadValue."""
    text = number.strip()
    if not text:
        return ""
    digits = "".join(character for character in text if character.isascii() and character.isdigit())
    if not text.startswith("+") and len(digits) == 10:
        digits = "1" + digits
    if len(digits) not in _E164 or set(text) - set("+0123456789 ()-./") or not (e164 := _e164(f"+{digits}")):
        raise BadValue(f"{text!r} is no phone number; wanted it international, as in +1 555 555 0100")
    return e164


def _e164(number: str) -> str:
    """Empty if there can't be such a number. Whether it is in use is not asked: there are always newer ones."""
    import phonenumbers as library  # takes time and memory that logins needn't

    try:
        parsed = library.parse(number)
    except library.NumberParseException:
        return ""
    if library.is_possible_number_with_reason(parsed) != library.ValidationResult.IS_POSSIBLE:
        return ""
    return str(library.format_number(parsed, library.PhoneNumberFormat.E164))


def _checked_type(text: str) -> str:
    word = text.strip().lower()
    if word not in TYPES:
        raise BadValue(f"{text!r} is no type of phone; wanted {', '.join(TYPES)}")
    return word


def _checked_text(text: str, what: str) -> str:
    text = text.strip()
    if len(text) > _LONGEST_NAME or (text and not text.isprintable()):
        raise BadValue(f"{text[:_LONGEST_NAME]!r} is no {what} of a phone")
    return text
