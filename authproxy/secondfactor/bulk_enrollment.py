"""People from a file, to be enrolled: users with address, phone number and groups. All added or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor import user_rows
from authproxy.secondfactor.groups import checked_group_name, join_group
from authproxy.secondfactor.phones import add_phone, checked_number
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rows import BadRow, Columns, Row
from authproxy.secondfactor.users import checked_email, checked_name, checked_status, find_user
from authproxy.store.tables import users

COLUMNS: Final = Columns(required=(("username",),), optional=("email", "realname", "phone", "status", "groups"))
_BETWEEN_GROUPS = re.compile(r"[;,|]")
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Person:
    """``phone``: E.164, or empty. ``line``: of the file."""

    line: int
    username: str
    email: str
    realname: str
    phone: str = field(repr=False)
    status: str
    groups: tuple[str, ...]


def read_people(rows: Iterable[Row], *, must_have_mail: bool = False) -> tuple[list[Person], list[BadRow]]:
    """Checks each row by itself; everything that is wrong with it is told. ``rows`` have :data:`COLUMNS`."""
    good: list[Person] = []
    bad: list[BadRow] = []
    for line, row in rows:
        problems: list[str] = []

        def checked(check: object, *values: str, problems: list[str] = problems) -> str:
            assert callable(check)
            try:
                return str(check(*values))
            except BadValue as error:
                problems.append(str(error))
                return ""

        checked(checked_name, row["username"], "none")
        email = checked(checked_email, row.get("email", ""))
        if must_have_mail and not row.get("email"):
            problems.append("no mail address, to which a link could be sent")
        phone = checked(checked_number, row.get("phone", ""))
        status = checked(checked_status, row.get("status") or "active")
        realname = checked(_checked_realname, row.get("realname", ""))
        names = [name.strip() for name in _BETWEEN_GROUPS.split(row.get("groups", "")) if name.strip()]
        groups = tuple(dict.fromkeys(checked(checked_group_name, name) for name in names))
        bad += [BadRow(line, problem) for problem in problems]
        if not problems:
            good.append(Person(line, row["username"], email, realname, phone, status, groups))
    return good, bad


def _checked_realname(name: str) -> str:
    if len(name) > _LONGEST_NAME or (name and not name.isprintable()):
        raise BadValue("this is no name of a person")
    return name


def obstacles(connection: sa.Connection, people: Sequence[Person], mode: str) -> list[BadRow]:
    """The rows that can't be added to what is there."""
    return user_rows.obstacles(connection, _as_users(people), mode)


def import_people(connection: sa.Connection, people: Sequence[Person], mode: str) -> list[str]:
    """Adds them all; there must be no obstacles. Their IDs."""
    user_rows.import_users(connection, _as_users(people), mode)
    ids = []
    for person in people:
        user = find_user(connection, person.username, mode)
        ids.append(user.id)
        if person.realname:
            connection.execute(users.update().where(users.c.id == user.id).values(realname=person.realname))
        if person.phone:
            add_phone(connection, user, person.phone)
        for group in person.groups:
            join_group(connection, user, group)
    return ids


def _as_users(people: Sequence[Person]) -> list[user_rows.NewUser]:
    return [user_rows.NewUser(each.line, each.username, each.email, each.status) for each in people]
