"""Keyed applications: who may speak to the service's APIs. Managed by administrators, found by the web."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import applications
from authproxy.store.writer import Writer

TYPES: Final = ("authapi", "adminapi", "unix", "websdk", "radius", "ldap")
_PURPOSE = "application keys"
_SKEY_LENGTH = 40
_LETTERS = string.ascii_letters + string.digits
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """A keyed application in a list, without its secret key."""

    name: str
    type: str
    ikey: str
    allow_v1_signatures: bool
    notes: str
    created: float
    policy: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Keys:
    """What a client is configured with. ``skey``: 40 characters."""

    ikey: str
    skey: str = field(repr=False)


_COLUMNS = ("name", "type", "ikey", "allow_v1_signatures", "notes", "created", "policy")


def add_application(
    connection: sa.Connection,
    seeds: SeedBox,
    name: str,
    type_: str,
    allow_v1_signatures: bool = False,
    notes: str = "",
    policy: Mapping[str, JsonValue] | None = None,
) -> Keys:
    """``policy``: see ``transactions.ApiPolicy``. Raises BadValue, AlreadyThere."""
    if type_ not in TYPES:
        raise BadValue(f"{type_!r} is no type of application; wanted {', '.join(TYPES)}")
    keys = Keys(new_id("DI"), _new_skey())
    row = {
        "name": _checked_name(name),
        "type": type_,
        "ikey": keys.ikey,
        "skey": seeds.seal(_PURPOSE, keys.ikey, keys.skey.encode()),
        "allow_v1_signatures": int(allow_v1_signatures),
        "notes": notes,
        "created": time.time(),
        "policy": json.dumps(dict(policy or {})),
    }
    try:
        with connection.begin_nested():
            connection.execute(applications.insert().values(**row))
    except sa.exc.IntegrityError:
        raise AlreadyThere(f"there is an application {row['name']!r} already") from None
    return keys


def find_application(connection: sa.Connection, name: str) -> ApplicationRow:
    """By name or ikey. Raises NotFound."""
    key = name.strip()
    found = _rows(connection, sa.or_(applications.c.name == key, applications.c.ikey == key.upper()))
    if not found:
        raise NotFound(f"there is no application {name!r} with keys; `authproxy application list` shows all")
    return found[0]


def list_applications(connection: sa.Connection) -> list[ApplicationRow]:
    """All with keys, by name."""
    return _rows(connection, sa.true())


def secret_key(connection: sa.Connection, seeds: SeedBox, application: ApplicationRow) -> str:
    """Raises SecretError."""
    query = sa.select(applications.c.skey).where(applications.c.ikey == application.ikey)
    return seeds.unseal(_PURPOSE, application.ikey, connection.execute(query).scalar_one()).decode()


def rotate_key(connection: sa.Connection, seeds: SeedBox, application: ApplicationRow) -> Keys:
    """A new secret key: the old one is refused within a second."""
    keys = Keys(application.ikey, _new_skey())
    sealed = seeds.seal(_PURPOSE, keys.ikey, keys.skey.encode())
    connection.execute(applications.update().where(applications.c.ikey == keys.ikey).values(skey=sealed))
    return keys


def change_application(
    connection: sa.Connection, application: ApplicationRow, changes: Mapping[str, JsonValue]
) -> None:
    """``changes`` to name, notes, allow_v1_signatures, policy. Raises BadValue, AlreadyThere."""
    values = dict(changes)
    if "name" in values:
        values["name"] = _checked_name(str(values["name"]))
    if "policy" in values:
        values["policy"] = json.dumps(values["policy"])
    if not values:
        return
    try:
        with connection.begin_nested():
            mine = applications.c.ikey == application.ikey
            connection.execute(applications.update().where(mine).values(**values))
    except sa.exc.IntegrityError:
        raise AlreadyThere(f"there is an application {values['name']!r} already") from None


def delete_application(connection: sa.Connection, application: ApplicationRow) -> None:
    connection.execute(applications.delete().where(applications.c.ikey == application.ikey))


def _rows(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[ApplicationRow]:
    query = (
        sa.select(*(applications.c[name] for name in _COLUMNS))
        .where(applications.c.ikey.is_not(None), where)
        .order_by(applications.c.name)
    )
    return [
        ApplicationRow(name, type_, ikey, bool(v1), notes, created, json.loads(policy))
        for name, type_, ikey, v1, notes, created, policy in connection.execute(query)
    ]


def _new_skey() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_SKEY_LENGTH))


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise BadValue(f"{name[:_LONGEST_NAME]!r} is no name of an application")
    return name


# ---------------------------------------------------------------- for the web

_FIND = compiled(
    sa.select(
        applications.c.name,
        applications.c.type,
        applications.c.ikey,
        applications.c.skey,
        applications.c.allow_v1_signatures,
        applications.c.policy,
    ).where(applications.c.ikey == bindparam("key"))
)
_REMEMBERED, _FRESH_SECONDS = 1000, 1.0


class Applications:
    """Finds applications by ikey. What it found it believes for a second, so that a changed key acts at once."""

    def __init__(self, writer: Writer, seeds: SeedBox, monotonic: Callable[[], float]) -> None:
        self._writer = writer
        self._seeds = seeds
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, Application]] = OrderedDict()

    async def find(self, ikey: str) -> Application | None:
        """Raises StoreUnavailable, or SecretError for a key that another seed_key sealed."""
        if not ikey.isascii():
            return None
        now = self._monotonic()
        since, known = self._known.get(ikey, (now, None))
        if known is not None and now - since < _FRESH_SECONDS:
            return known
        row = await self._writer.run(lambda connection: _read(connection, ikey))
        if row is None:
            self._known.pop(ikey, None)
            return None
        name, type_, _, skey, v1, policy = row
        skey = self._seeds.unseal(_PURPOSE, ikey, skey)
        application = Application(name, type_, ikey, skey, bool(v1), json.loads(policy))
        self._known[ikey] = (now, application)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return application

    def forget(self, ikey: str) -> None:
        """It was changed in this process."""
        self._known.pop(ikey, None)


def _read(connection: Connection, ikey: str) -> tuple[str, str, str, bytes, int, str] | None:
    row = connection.execute(_FIND, {"key": ikey}).fetchone()
    return None if row is None else (row[0], row[1], row[2], row[3], row[4], row[5])
