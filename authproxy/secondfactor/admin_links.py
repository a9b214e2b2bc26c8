"""One-time links for administrators: to set password and second factor (activation), or another password (reset).

An Owner or somebody at the shell makes them. Each is good once, until it expires; the newest of an administrator
is the only one. Only its hash is stored.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import sqlalchemy as sa

from authproxy.secondfactor.administrators import Administrator, find_administrator
from authproxy.secondfactor.refusals import BadValue, NotDone
from authproxy.store.tables import admin_links

Kind = Literal["activation", "reset"]
ACTIVATION_SECONDS: Final = 7 * 86_400
RESET_SECONDS: Final = 86_400
LONGEST_SECONDS: Final = 31 * 86_400
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class NewLink:
    """``token`` can't be had again. ``expires`` in epoch seconds."""

    token: str = field(repr=False)
    kind: Kind
    expires: float

    def url(self, base_url: str) -> str:
        """``base_url``: ``https://host[:port]``."""
        return f"{base_url}/admin/link/{self.token}"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good, and whose it is."""

    hash: bytes = field(repr=False)
    admin: Administrator
    kind: Kind
    expires: float


def new_link(
    connection: sa.Connection, admin: Administrator, kind: Kind, now: float, seconds: int | None = None
) -> NewLink:
    """It makes those before void. ``seconds`` None: a week for an activation, a day for a reset. Raises BadValue,
    and NotDone for somebody who is disabled."""
    if seconds is None:
        seconds = ACTIVATION_SECONDS if kind == "activation" else RESET_SECONDS
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise BadValue(f"valid for {seconds} seconds; wanted 1 to {LONGEST_SECONDS}, which is a month")
    if admin.status == "disabled":
        raise NotDone(f"{admin.email} is disabled: enable first")
    if kind == "reset" and admin.status == "pending":
        raise NotDone(f"{admin.email} has no password yet: wanted a link for activation")
    forget_links(connection, admin)
    made = NewLink(secrets.token_urlsafe(_TOKEN_BYTES), kind, now + seconds)
    row: dict[str, Any] = {"hash": _hash(made.token), "admin_id": admin.id, "kind": kind}
    connection.execute(admin_links.insert().values(created=now, expires=made.expires, **row))
    return made


def find_link(connection: sa.Connection, token: str, now: float) -> Link | None:
    """None: there is no such link, it was used, or it has expired. Looking at it does not use it up: what scans
    mails does that, too."""
    query = sa.select(admin_links).where(admin_links.c.hash == _hash(token), *_is_open(now))
    row = connection.execute(query).first()
    if row is None:
        return None
    return Link(row.hash, find_administrator(connection, row.admin_id), row.kind, row.expires)


def use_link(connection: sa.Connection, link: Link, now: float) -> bool:
    """Whether this was the first use."""
    change = admin_links.update().where(admin_links.c.hash == link.hash, *_is_open(now)).values(used=now)
    return connection.execute(change).rowcount == 1


def open_link(connection: sa.Connection, admin: Administrator, now: float) -> tuple[Kind, float] | None:
    """What kind of link the administrator was given and has not used yet, and when it expires."""
    query = sa.select(admin_links.c.kind, admin_links.c.expires)
    row = connection.execute(query.where(admin_links.c.admin_id == admin.id, *_is_open(now))).first()
    return None if row is None else (row.kind, row.expires)


def forget_links(connection: sa.Connection, admin: Administrator) -> None:
    connection.execute(admin_links.delete().where(admin_links.c.admin_id == admin.id))


def _is_open(now: float) -> tuple[sa.ColumnElement[bool], ...]:
    return admin_links.c.used.is_(None), admin_links.c.expires > now


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
