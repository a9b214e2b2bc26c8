"""Mail on its way out: what is due, and how it went. Messages to phones are kept beside it.

An attempt is written down before it is made, so that of several processes one makes it, and a restart in the
middle makes no other before its time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.message_text import html_with, with_
from authproxy.secondfactor.messages import Draft, keep_text, queue_in_writer, unsealed
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import messages
from authproxy.store.writer import Writer

ATTEMPT_SECONDS: Final = 600.0
"""What an attempt takes at most; a process that died in the middle of one holds the mail up no longer."""
GIVE_UP_SECONDS: Final = 2 * 86_400.0
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 6 * 3600.0
_LONGEST_PROBLEM = 500

_literal = sa.literal_column
_is_this = messages.c.id == bindparam("message")
_DUE = (
    sa.select(messages.c.id)
    .where(messages.c.status == _literal("'queued'"), messages.c.next_attempt <= bindparam("now"))
    .order_by(messages.c.next_attempt)
    .limit(_literal("1"))
    .offset(_literal("0"))
)
_TAKE = compiled(
    messages.update()
    .where(messages.c.id == _DUE.scalar_subquery())
    .values(attempts=messages.c.attempts + _literal("1"), next_attempt=bindparam("later"))
    .returning(
        messages.c.id,
        messages.c.at,
        messages.c.recipient,
        messages.c.subject,
        messages.c.text,
        messages.c.html,
        messages.c.secrets,
        messages.c.attempts,
    )
)
_END = compiled(
    messages.update()
    .where(_is_this)
    .values(
        status=bindparam("state"),
        next_attempt=bindparam("later"),
        problem=bindparam("told"),
        sent=bindparam("done"),
    )
)
_WAITING = compiled(
    sa.select(sa.func.count())
    .select_from(messages)
    .where(messages.c.status == _literal("'queued'"), messages.c.next_attempt.is_not(None))
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail that is to be sent now, for the ``attempts``-th time. ``at``: when it was written, epoch seconds."""

    id: str
    at: float
    recipient: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    attempts: int


class Outbox:
    """Every method may raise StoreUnavailable. ``now``: epoch seconds."""

    def __init__(self, writer: Writer, seeds: SeedBox, now: Callable[[], float]) -> None:
        self._writer = writer
        self._seeds = seeds
        self._now = now

    async def take(self) -> Outgoing | None:
        """What has waited longest and is due: the caller's for :data:`ATTEMPT_SECONDS`. Raises SecretError."""
        now = self._now()

        def job(connection: Connection) -> Outgoing | None:
            due = {"now": now, "later": now + ATTEMPT_SECONDS}
            row = connection.execute(_TAKE, due).fetchone()
            return self._outgoing(*row) if row is not None else None

        return await self._writer.run(job)

    def _outgoing(
        self, id_: str, at: float, to: str, subject: str, text: str, html: str, sealed: bytes | None, attempts: int
    ) -> Outgoing:
        secrets = unsealed(self._seeds, id_, sealed)
        return Outgoing(id_, at, to, subject, with_(text, secrets), html_with(html, secrets), secrets, attempts)

    async def sent(self, message_id: str) -> None:
        await self._end(message_id, "sent", None, "", self._now())

    async def put_off(self, mail: Outgoing, problem: str, *, is_final: bool = False) -> None:
        """Not sent. Tried again later, unless that is of no use or it has waited too long."""
        now = self._now()
        if is_final or now - mail.at > GIVE_UP_SECONDS:
            await self._end(mail.id, "failed", None, problem, None)
        else:
            await self._end(mail.id, "queued", now + pause(mail.attempts), problem, None)

    async def keep_text(self, draft: Draft) -> str:
        """A message to a phone that is about to be sent; tell how that went with ``sent`` or ``failed``."""
        now = self._now()
        return await self._writer.run(lambda connection: keep_text(connection, self._seeds, draft, now))

    async def failed(self, message_id: str, problem: str) -> None:
        await self._end(message_id, "failed", None, problem, None)

    async def queue(self, draft: Draft) -> str:
        """A mail, for whoever has nothing else to write down with it."""
        now = self._now()
        return await self._writer.run(lambda connection: queue_in_writer(connection, self._seeds, draft, now))

    async def waiting(self) -> int:
        """Mails that are still to be sent."""

        def job(connection: Connection) -> int:
            found = connection.execute(_WAITING, {}).fetchone()
            return int(found[0]) if found is not None else 0

        return await self._writer.run(job)

    async def _end(
        self, message_id: str, state: str, later: float | None, problem: str, done: float | None
    ) -> None:
        row = {
            "message": message_id,
            "state": state,
            "later": later,
            "told": " ".join(problem.split())[:_LONGEST_PROBLEM],
            "done": done,
        }
        await self._writer.run(lambda connection: connection.execute(_END, row))


def pause(attempts: int) -> float:
    """Seconds until the next attempt, after so many in vain."""
    return float(min(_FIRST_PAUSE * 4.0 ** max(attempts - 1, 0), _LONGEST_PAUSE))
