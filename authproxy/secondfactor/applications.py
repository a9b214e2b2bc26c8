"""Keyed applications: who may speak to the service's APIs. Managed by administrators, found by the web."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import JsonValue
from authproxy.secondfactor.api_permissions import checked_permissions
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.groups import find_group
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.listing import Listing, Window
from authproxy.secondfactor.policies import application_renamed
from authproxy.secondfactor.redirects import is_address
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import checked_notes
from authproxy.store.statements import Connection, Row, compiled
from authproxy.store.tables import applications
from authproxy.store.writer import Writer

TYPES: Final = ("authapi", "adminapi", "unix", "websdk", "radius", "ldap")
_PURPOSE = "application keys"
_SKEY_LENGTH = 40
_LETTERS = string.ascii_letters + string.digits
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """A keyed application in a list, without its secret key. ``extras``: what the Admin API only keeps."""

    name: str
    type: str
    ikey: str
    allow_v1_signatures: bool
    notes: str
    created: float
    policy: Mapping[str, JsonValue]
    redirect_uris: tuple[str, ...]
    permissions: tuple[str, ...]
    groups_allowed: tuple[str, ...]
    self_service: bool
    extras: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Keys:
    """What a client is configured with. ``skey``: 40 characters."""

    ikey: str
    skey: str = field(repr=False)


_COLUMNS = tuple(ApplicationRow.__dataclass_fields__)
_LISTS = ("redirect_uris", "permissions", "groups_allowed")
_MAPPINGS = ("policy", "extras")
_FLAGS = ("allow_v1_signatures", "self_service")


def add_application(
    connection: sa.Connection,
    seeds: SeedBox,
    name: str,
    type_: str,
    allow_v1_signatures: bool = False,
    notes: str = "",
    policy: Mapping[str, JsonValue] | None = None,
    permissions: Iterable[str] = (),
    redirect_uris: Iterable[str] = (),
) -> Keys:
    """``policy``: see ``api_policy.ApiPolicy``; ``permissions``: see ``api_permissions``. Raises BadValue,
    AlreadyThere."""
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
        "permissions": json.dumps(checked_permissions(permissions)),
        "redirect_uris": json.dumps(_checked_uris(redirect_uris)),
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


def list_some_applications(connection: sa.Connection, window: Window) -> Listing[ApplicationRow]:
    """A part of them."""
    keyed = applications.c.ikey.is_not(None)
    total = connection.execute(sa.select(sa.func.count()).select_from(applications).where(keyed)).scalar_one()
    return Listing(tuple(_rows(connection, sa.true(), window)), total)


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
    """``changes`` to name, notes, allow_v1_signatures, policy, redirect_uris, permissions, groups_allowed,
    self_service, extras. Raises BadValue, AlreadyThere."""
    values = {name: _checked_change(connection, name, value) for name, value in changes.items()}
    if not values:
        return
    try:
        with connection.begin_nested():
            mine = applications.c.ikey == application.ikey
            connection.execute(applications.update().where(mine).values(**values))
    except sa.exc.IntegrityError:
        raise AlreadyThere(f"there is an application {values['name']!r} already") from None
    if "name" in values:
        application_renamed(connection, application.name, str(values["name"]))


def delete_application(connection: sa.Connection, application: ApplicationRow) -> None:
    connection.execute(applications.delete().where(applications.c.ikey == application.ikey))
    application_renamed(connection, application.name, None)


def _rows(
    connection: sa.Connection, where: sa.ColumnElement[bool], window: Window | None = None
) -> list[ApplicationRow]:
    query = (
        sa.select(*(applications.c[name] for name in _COLUMNS))
        .where(applications.c.ikey.is_not(None), where)
        .order_by(applications.c.name)
    )
    if window is not None:
        query = query.limit(window.limit).offset(window.offset)
    return [_row(row) for row in connection.execute(query).mappings()]


def _row(row: sa.RowMapping) -> ApplicationRow:
    values: dict[str, Any] = dict(row)
    values |= {name: tuple(json.loads(values[name])) for name in _LISTS}
    values |= {name: json.loads(values[name]) for name in _MAPPINGS}
    values |= {name: bool(values[name]) for name in _FLAGS}
    return ApplicationRow(**values)


def _new_skey() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_SKEY_LENGTH))


# ---------------------------------------------------------------- what may be stored


def _checked_change(connection: sa.Connection, name: str, value: JsonValue) -> str | int:
    match name, value:
        case "name", str(text):
            return _checked_name(text)
        case "notes", str(text):
            return checked_notes(text)
        case (("allow_v1_signatures" | "self_service"), bool(flag)):
            return int(flag)
        case (("policy" | "extras"), dict(mapping)):
            return json.dumps(mapping)
        case "permissions", list(words):
            return json.dumps(checked_permissions(str(word) for word in words))
        case "redirect_uris", list(uris):
            return json.dumps(_checked_uris(str(uri) for uri in uris))
        case "groups_allowed", list(ids):
            return json.dumps([_group_id(connection, str(group_id)) for group_id in ids])
    raise BadValue(f"{name} of an application can't become {str(value)[:_LONGEST_NAME]!r}")


def _group_id(connection: sa.Connection, name: str) -> str:
    """Raises BadValue."""
    try:
        return find_group(connection, name).id
    except NotFound as error:
        raise BadValue(str(error)) from None


def _checked_uris(uris: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(uri.strip() for uri in uris))
    for uri in found:
        if not is_address(uri):
            raise BadValue(f"{uri[:_LONGEST_NAME]!r} is no redirect URI; wanted https://host/path")
    return found


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
        applications.c.permissions,
        applications.c.redirect_uris,
        applications.c.groups_allowed,
        applications.c.self_service,
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
        name, type_, _, sealed, v1, policy, *lists, self_service = row
        skey = self._seeds.unseal(_PURPOSE, ikey, sealed)
        permissions, uris, groups = (tuple(json.loads(each)) for each in lists)
        application = Application(
            name, type_, ikey, skey, bool(v1), json.loads(policy), permissions, uris, groups, bool(self_service)
        )
        self._known[ikey] = (now, application)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return application

    def forget(self, ikey: str) -> None:
        """It was changed in this process."""
        self._known.pop(ikey, None)


def _read(connection: Connection, ikey: str) -> Row | None:
    return connection.execute(_FIND, {"key": ikey}).fetchone()
