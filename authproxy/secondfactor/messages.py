"""Messages to people, by mail or SMS: kept as they were received, with their secrets sealed apart.

Mail is queued here and sent by the daemon (``outbox``); messages to phones are only kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.listing import Listing, Window, containing, count_up_to
from authproxy.secondfactor.message_text import html_with, html_without, with_, without
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import messages, users

_PURPOSE: Final = "messages"
_FIRST_WINDOW: Final = Window()


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody is to be told. ``kind``: mail or sms. ``purpose``: enrollment, activation, passcodes, fraud,
    administrator ... ``secrets``: those parts of the texts that only their reader may know."""

    kind: str
    purpose: str
    recipient: str
    text: str = field(repr=False)
    subject: str = ""
    html: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    user_id: str | None = None
    admin_id: str | None = None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """As it is kept: ``text`` and ``html`` with ``{1}`` where secrets stood. Times in epoch seconds.
    ``username``: empty if there is no such user any more."""

    id: str
    at: float
    kind: str
    purpose: str
    recipient: str
    user_id: str | None
    admin_id: str | None
    username: str
    sender: str
    subject: str
    text: str
    html: str
    secrets: bytes | None = field(repr=False)
    status: str
    attempts: int
    next_attempt: float | None
    sent: float | None
    problem: str

    @property
    def reveals(self) -> Permission:
        """Who may see its secrets: whoever could have them made anew."""
        is_of_administrator = self.admin_id is not None or self.purpose == "administrator"
        return Permission.ADMINISTRATORS if is_of_administrator else Permission.MODIFY_DEVICES


@dataclass(frozen=True, slots=True)
class Received:
    """As its recipient saw it. ``secrets``: None: they are not shown."""

    text: str = field(repr=False)
    html: str = field(repr=False)
    secrets: tuple[str, ...] | None = field(repr=False)


# ---------------------------------------------------------------- writing down

_COLUMNS: Final = (
    *("id", "at", "kind", "purpose", "recipient", "user_id", "admin_id", "sender", "subject", "text", "html"),
    *("secrets", "status", "next_attempt"),
)
_KEEP = compiled(messages.insert().values(**{name: bindparam(name) for name in _COLUMNS}))


def _row(seeds: SeedBox, draft: Draft, now: float, next_attempt: float | None) -> dict[str, Any]:
    message_id, secrets = new_id("DM"), draft.secrets
    sealed = seeds.seal(_PURPOSE, message_id, json.dumps(secrets).encode()) if secrets else None
    return {
        "id": message_id,
        "at": now,
        "kind": draft.kind,
        "purpose": draft.purpose,
        "recipient": draft.recipient,
        "user_id": draft.user_id,
        "admin_id": draft.admin_id,
        "sender": draft.sender,
        "subject": draft.subject,
        "text": without(draft.text, secrets),
        "html": html_without(draft.html, secrets),
        "secrets": sealed,
        "status": "queued",
        "next_attempt": next_attempt,
    }


def queue_mail(connection: sa.Connection, seeds: SeedBox, draft: Draft, now: float) -> str:
    """The daemon sends it once this is committed. The message's ID."""
    row = _row(seeds, draft, now, now)
    connection.execute(messages.insert().values(**row))
    return str(row["id"])


def queue_in_writer(connection: Connection, seeds: SeedBox, draft: Draft, now: float) -> str:
    """The same in the writer's thread."""
    return _keep(connection, _row(seeds, draft, now, now))


def keep_text(connection: Connection, seeds: SeedBox, draft: Draft, now: float) -> str:
    """A message to a phone, which somebody else sends. In the writer's thread. The message's ID."""
    return _keep(connection, _row(seeds, draft, now, None))


def _keep(connection: Connection, row: Parameters) -> str:
    connection.execute(_KEEP, row)
    return str(row["id"])


# ---------------------------------------------------------------- looking

_SELECT: Final = sa.select(
    *(messages.c[name] for name in Message.__dataclass_fields__ if name in messages.c),
    sa.func.coalesce(users.c.username, "").label("username"),
).select_from(messages.outerjoin(users, users.c.id == messages.c.user_id))


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """``text``: a part of recipient or subject, or a message's ID. Empty: any."""

    text: str = ""
    user_id: str = ""
    kind: str = ""
    purpose: str = ""
    status: str = ""


ALL: Final = MessageFilter()


def search_messages(
    connection: sa.Connection, wanted: MessageFilter = ALL, window: Window = _FIRST_WINDOW
) -> Listing[Message]:
    """The newest first."""
    conditions = [
        messages.c[name] == value
        for name in ("user_id", "kind", "purpose", "status")
        if (value := getattr(wanted, name))
    ]
    text = wanted.text.strip()
    if text:
        some = (containing(messages.c.recipient, text), containing(messages.c.subject, text))
        conditions.append(sa.or_(messages.c.id == text.upper(), *some))
    query = _SELECT.where(*conditions).order_by(messages.c.at.desc(), messages.c.id)
    rows = connection.execute(query.limit(window.limit).offset(window.offset)).mappings()
    total = count_up_to(connection, sa.select(messages.c.id).where(*conditions))
    return Listing(tuple(Message(**row) for row in rows), total.count)


def find_message(connection: sa.Connection, message_id: str) -> Message:
    """Raises NotFound."""
    row = connection.execute(_SELECT.where(messages.c.id == message_id.strip().upper())).mappings().first()
    if row is None:
        raise NotFound(f"there is no message {message_id!r}; `authproxy messages list` shows them")
    return Message(**row)


def as_received(message: Message, seeds: SeedBox | None) -> Received:
    """``seeds``: None for whoever may not see its secrets. Raises SecretError."""
    secrets = unsealed(seeds, message.id, message.secrets) if seeds is not None else None
    return Received(with_(message.text, secrets), html_with(message.html, secrets), secrets)


def unsealed(seeds: SeedBox, message_id: str, sealed: bytes | None) -> tuple[str, ...]:
    """Raises SecretError."""
    return tuple(json.loads(seeds.unseal(_PURPOSE, message_id, sealed))) if sealed is not None else ()
