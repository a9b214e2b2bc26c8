"""Administrators, as Owners manage them: who may use the Admin Panel, and in which role.

They are no users of the service: they have passwords and second factors of their own (``admin_passwords``,
``admin_totp``, ``security_keys``, ``recovery_codes``). Every function works in the transaction it is handed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import sessions
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.listing import Listing, Window, containing
from authproxy.secondfactor.lockout import Strikes
from authproxy.secondfactor.phones import checked_number
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotDone, NotFound
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.users import checked_email
from authproxy.store.tables import admin_links, administrators

KIND: Final = "admin"
"""Of their sessions."""
FEWEST_OWNERS: Final = 2
_LONGEST_NAME, _LONGEST_EMAIL = 200, 254
_CHOSEN_STATUSES = ("active", "disabled")
_CHANGED = ("email", "name", "phone", "role", "status", "language")


@dataclass(frozen=True, slots=True)
class Administrator:
    """``status``: pending (has not set a password and a second factor yet), active or disabled. Times in epoch
    seconds."""

    id: str
    email: str
    name: str
    phone: str
    role: str
    status: str
    password_changed: float | None
    failures: int
    locked_until: float | None
    language: str
    created: float
    last_login: float | None
    has_totp: bool

    def is_locked_out(self, now: float) -> bool:
        return self.locked_until is not None and self.locked_until > now

    def told(self) -> dict[str, JsonValue]:
        """What the record of changes keeps of an administrator."""
        return {key: getattr(self, key) for key in ("email", "name", "phone", "role", "status", "language")}


_COLUMNS = [administrators.c[name] for name in Administrator.__dataclass_fields__ if name != "has_totp"]
_ADMINISTRATORS = sa.select(*_COLUMNS, administrators.c.totp_seed.is_not(None))
_IS_OWNER = sa.and_(administrators.c.role == Role.OWNER, administrators.c.status == "active")


def add_administrator(
    connection: sa.Connection, email: str, name: str, role: str, phone: str = ""
) -> Administrator:
    """Pending, until a one-time link has been used. Raises BadValue, AlreadyThere."""
    values = {
        "id": new_id("DE"),
        "email": _checked_mail(email),
        "name": _checked_name(name),
        "phone": checked_number(phone),
        "role": checked_role(role),
        "created": time.time(),
    }
    try:
        with connection.begin_nested():
            connection.execute(administrators.insert().values(**values))
    except sa.exc.IntegrityError:
        raise AlreadyThere(f"there is an administrator {values['email']} already") from None
    return find_administrator(connection, str(values["id"]))


def find_administrator(connection: sa.Connection, key: str) -> Administrator:
    """By ID, or by mail address in any case. Raises NotFound."""
    wanted = key.strip()
    query = _ADMINISTRATORS.where(
        sa.or_(administrators.c.id == wanted, administrators.c.email == normal_mail(wanted))
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no administrator {key!r}; `authproxy admin list` shows all")
    return _administrator(row)


def list_administrators(
    connection: sa.Connection, text: str = "", window: Window | None = None
) -> Listing[Administrator]:
    """By mail address. ``text``: in the address or the name; empty: all. ``window`` None: all of them."""
    c = administrators.c
    found = sa.or_(containing(c.email, text), containing(c.name, text)) if text else sa.true()
    total = connection.execute(sa.select(sa.func.count()).select_from(administrators).where(found)).scalar_one()
    query = _ADMINISTRATORS.where(found).order_by(c.email)
    if window is not None:
        query = query.limit(window.limit).offset(window.offset)
    return Listing(tuple(_administrator(row) for row in connection.execute(query)), total)


def change_administrator(
    connection: sa.Connection, admin: Administrator, changes: Mapping[str, str]
) -> Administrator:
    """``changes`` to email, name, phone, role, status (active or disabled) and language.

    Whoever is disabled is logged out, and the links made for them are void; who is made active without having set
    a password is pending. Raises BadValue, AlreadyThere, and NotDone for the last active Owner.
    """
    checked = {key: _checked(key, value, admin) for key, value in changes.items()}
    loses_ownership = checked.get("role", Role.OWNER) != Role.OWNER or checked.get("status", "active") != "active"
    if loses_ownership:
        _spare_last_owner(connection, admin)
    try:
        with connection.begin_nested():
            connection.execute(_this(admin).values({"name": admin.name, **checked}))
    except sa.exc.IntegrityError:
        raise AlreadyThere(f"there is an administrator {checked['email']} already") from None
    if checked.get("status") == "disabled":
        sessions.end_all(connection, KIND, admin.id)
        connection.execute(admin_links.delete().where(admin_links.c.admin_id == admin.id))
    return find_administrator(connection, admin.id)


def delete_administrator(connection: sa.Connection, admin: Administrator) -> None:
    """With factors, links and sessions. Raises NotDone for the last active Owner."""
    _spare_last_owner(connection, admin)
    sessions.end_all(connection, KIND, admin.id)
    connection.execute(administrators.delete().where(administrators.c.id == admin.id))


def unlock_administrator(connection: sa.Connection, admin: Administrator) -> None:
    """Let an administrator try again who is locked out after too many wrong attempts."""
    connection.execute(_this(admin).values(failures=0, locked_until=None))


def note_strikes(connection: sa.Connection, admin: Administrator, strikes: Strikes) -> None:
    """Wrong passwords and factors in a row."""
    values = {"failures": strikes.failures, "locked_until": strikes.locked_until}
    connection.execute(_this(admin).values(**values))


def note_login(connection: sa.Connection, admin: Administrator, now: float) -> None:
    connection.execute(_this(admin).values(failures=0, locked_until=None, last_login=now))


# ---------------------------------------------------------------- Owners


def count_owners(connection: sa.Connection) -> int:
    """Those who are active."""
    return connection.execute(sa.select(sa.func.count()).select_from(administrators).where(_IS_OWNER)).scalar_one()


def owner_warning(connection: sa.Connection) -> str:
    """What to tell administrators while the account hangs on one person; empty if it does not."""
    owners = count_owners(connection)
    if owners >= FEWEST_OWNERS:
        return ""
    if owners == 0:
        return "there is no active Owner; `authproxy admin create-owner` makes the first"
    return "there is only one active Owner: add another, in case that one loses password or device"


def _spare_last_owner(connection: sa.Connection, admin: Administrator) -> None:
    is_owner = connection.execute(sa.select(administrators.c.id).where(administrators.c.id == admin.id, _IS_OWNER))
    if is_owner.first() is not None and count_owners(connection) == 1:
        raise NotDone(f"{admin.email} is the last active Owner: make somebody else Owner first")


# ---------------------------------------------------------------- what may be stored


def normal_mail(email: str) -> str:
    """As an address is stored: administrators type theirs in any case."""
    return email.strip().lower()


def checked_role(role: str) -> Role:
    """As ``roles.py`` spells it. Raises BadValue."""
    try:
        return Role(role.strip())
    except ValueError:
        raise BadValue(f"{role!r} is no role; wanted {', '.join(Role)}") from None


def _checked(key: str, value: str, admin: Administrator) -> str:
    match key:
        case "email":
            return _checked_mail(value)
        case "name":
            return _checked_name(value)
        case "phone":
            return checked_number(value)
        case "role":
            return checked_role(value)
        case "status":
            return _checked_status(value, admin)
        case "language":
            return value.strip()
    raise BadValue(f"{key!r} of an administrator can't be changed; wanted {', '.join(_CHANGED)}")


def _checked_mail(email: str) -> str:
    mail = normal_mail(checked_email(email))
    if not mail or len(mail) > _LONGEST_EMAIL:
        raise BadValue(f"{email[:_LONGEST_EMAIL]!r} is no mail address to log in with")
    return mail


def _checked_name(name: str) -> str:
    found = name.strip()
    if not found or not found.isprintable() or len(found) > _LONGEST_NAME:
        raise BadValue(f"{name[:_LONGEST_NAME]!r} is no name of an administrator")
    return found


def _checked_status(status: str, admin: Administrator) -> str:
    word = status.strip().lower()
    if word not in _CHOSEN_STATUSES:
        raise BadValue(f"{status!r} is no status; wanted {' or '.join(_CHOSEN_STATUSES)}")
    if word == "active" and admin.password_changed is None:
        return "pending"
    return word


def _administrator(row: Sequence[Any]) -> Administrator:
    return Administrator(*row)


def _this(admin: Administrator) -> sa.Update:
    return administrators.update().where(administrators.c.id == admin.id)
