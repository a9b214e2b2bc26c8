"""Security keys: the credentials that people registered in their browsers, roaming or built into a device.

Of users and of administrators alike. What proves one is in ``webauthn``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.audit import note
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.listing import Listing, Window
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.users import chunks
from authproxy.store.tables import security_keys as table

MOST: Final = 20
"""Keys of one owner: browsers are told all of them at each login."""
LONGEST_NAME: Final = 100
_KIND = "WA"


class OwnerKind(StrEnum):
    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose keys. ``name`` and ``display_name`` are what a key or a browser shows of its owner."""

    kind: OwnerKind
    id: str
    name: str
    display_name: str = ""

    @property
    def handle(self) -> bytes:
        """What the key itself knows its owner by: nothing personal (WebAuthn 14.6.1)."""
        return self.id.encode("ascii")


def user_owner(user_id: str, username: str, display_name: str = "") -> Owner:
    return Owner(OwnerKind.USER, user_id, username, display_name)


def admin_owner(admin_id: str, email: str, name: str = "") -> Owner:
    return Owner(OwnerKind.ADMIN, admin_id, email, name)


@dataclass(frozen=True, slots=True)
class NewKey:
    """As a browser has just made it. ``public_key``: a COSE_Key in CBOR. ``transports``: as the browser says."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    is_uv_capable: bool
    is_backed_up: bool


@dataclass(frozen=True, slots=True)
class SecurityKey:
    """A row. ``is_uv_capable``: it has verified its user (PIN, finger) at least once. ``is_backed_up``: a passkey
    that a cloud keeps. Times: epoch seconds."""

    id: str
    owner_id: str
    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    is_uv_capable: bool
    is_backed_up: bool
    name: str
    created: float
    last_used: float | None

    @property
    def label(self) -> str:
        """How it is shown to people."""
        return self.name or "Security key"


_OWNER_ID = sa.func.coalesce(table.c.user_id, table.c.admin_id)


def keys_of(connection: sa.Connection, owner: Owner) -> list[SecurityKey]:
    """The oldest first."""
    return _rows(connection, _is_of(owner))


def keys_of_users(connection: sa.Connection, user_ids: Sequence[str]) -> list[SecurityKey]:
    """Of any of them, the oldest first."""
    return [key for some in chunks(user_ids) for key in _rows(connection, table.c.user_id.in_(some))]


def list_keys(connection: sa.Connection, window: Window) -> Listing[SecurityKey]:
    """Of all users, a part, the oldest first."""
    of_users = table.c.user_id.is_not(None)
    total = connection.execute(sa.select(sa.func.count()).select_from(table).where(of_users)).scalar_one()
    some = sa.select(table.c.id).where(of_users).order_by(table.c.created, table.c.id)
    return Listing(tuple(_rows(connection, table.c.id.in_(some.limit(window.limit).offset(window.offset)))), total)


def find_key(connection: sa.Connection, key_id: str) -> SecurityKey:
    """By ID (``WA...``), whoever it belongs to. Raises NotFound."""
    return _one(_rows(connection, table.c.id == key_id.strip().upper()))


def own_key(connection: sa.Connection, owner: Owner, key_id: str) -> SecurityKey:
    """One of the owner's. Raises NotFound, also for keys of others."""
    return _one(_rows(connection, _is_of(owner), table.c.id == key_id.strip().upper()))


def add_key(
    connection: sa.Connection, owner: Owner, new: NewKey, name: str, now: float, actor: str, address: str = ""
) -> SecurityKey:
    """Raises AlreadyThere (somebody has this credential), BadValue (too many, or no name)."""
    name = _checked_name(name)
    if len(keys_of(connection, owner)) >= MOST:
        raise BadValue(f"there are {MOST} security keys already; delete one first")
    key = SecurityKey(
        new_id(_KIND),
        owner.id,
        new.credential_id,
        new.public_key,
        new.sign_count,
        new.aaguid,
        new.transports,
        new.is_uv_capable,
        new.is_backed_up,
        name,
        now,
        None,
    )
    row = {
        "id": key.id,
        _owner_column(owner): owner.id,
        "credential_id": new.credential_id,
        "public_key": new.public_key,
        "sign_count": new.sign_count,
        "aaguid": new.aaguid,
        "transports": json.dumps(new.transports),
        "is_uv_capable": int(new.is_uv_capable),
        "is_backed_up": int(new.is_backed_up),
        "name": name,
        "created": now,
    }
    try:
        with connection.begin_nested():
            connection.execute(table.insert().values(**row))
    except sa.exc.IntegrityError:
        raise AlreadyThere("this security key is registered already") from None
    note(connection, actor, "security key add", owner.name, {"key": key.id, "name": name}, address=address)
    return key


def rename_key(
    connection: sa.Connection, owner: Owner, key: SecurityKey, name: str, actor: str, address: str = ""
) -> None:
    """Raises BadValue."""
    name = _checked_name(name)
    connection.execute(table.update().where(table.c.id == key.id).values(name=name))
    note(
        connection,
        actor,
        "security key rename",
        owner.name,
        {"key": key.id, "name": name},
        before={"key": key.id, "name": key.name},
        address=address,
    )


def delete_key(connection: sa.Connection, owner: Owner, key: SecurityKey, actor: str, address: str = "") -> None:
    connection.execute(table.delete().where(table.c.id == key.id))
    note(
        connection,
        actor,
        "security key delete",
        owner.name,
        before={"key": key.id, "name": key.name},
        address=address,
    )


def note_use(
    connection: sa.Connection,
    key: SecurityKey,
    sign_count: int,
    is_user_verified: bool,
    is_backed_up: bool,
    now: float,
) -> None:
    """It has just proved itself."""
    values = {
        "sign_count": sign_count,
        "is_uv_capable": int(key.is_uv_capable or is_user_verified),
        "is_backed_up": int(is_backed_up),
        "last_used": now,
    }
    connection.execute(table.update().where(table.c.id == key.id).values(**values))


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadValue(f"{name[:LONGEST_NAME]!r} is no name of a security key")
    return name


def _owner_column(owner: Owner) -> str:
    return "user_id" if owner.kind is OwnerKind.USER else "admin_id"


def _is_of(owner: Owner) -> sa.ColumnElement[bool]:
    return table.c[_owner_column(owner)] == owner.id


def _one(rows: Sequence[SecurityKey]) -> SecurityKey:
    if not rows:
        raise NotFound("there is no such security key")
    return rows[0]


def _rows(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[SecurityKey]:
    c = table.c
    query = (
        sa.select(
            c.id,
            _OWNER_ID,
            c.credential_id,
            c.public_key,
            c.sign_count,
            c.aaguid,
            c.transports,
            c.is_uv_capable,
            c.is_backed_up,
            c.name,
            c.created,
            c.last_used,
        )
        .where(*where)
        .order_by(c.created, c.id)
    )
    return [
        SecurityKey(
            id_, owner_id, credential, key, count, aaguid, tuple(json.loads(transports)), bool(uv), bool(bs), *rest
        )
        for id_, owner_id, credential, key, count, aaguid, transports, uv, bs, *rest in connection.execute(query)
    ]
