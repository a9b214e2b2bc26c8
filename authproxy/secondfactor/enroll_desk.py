"""The service's side of the enrollment page: how far a link has led, and a first phone for whoever has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor import activations
from authproxy.secondfactor.account import Account, Standing, load_account
from authproxy.secondfactor.activations import hash_of
from authproxy.secondfactor.enroll_api import Beginning, Closed, Done, Stage, Waiting, Why
from authproxy.secondfactor.enroll_links import EnrollLinks, Ticket
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.known import load_known
from authproxy.secondfactor.pipush_enrollment import address_of
from authproxy.secondfactor.reach import Lines
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.users import checked_name
from authproxy.store import tables
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.writer import Job, Writer

_BAD_LINK: Final = Closed(Why.BAD_LINK)
_OPENED = compiled(
    sa.select(tables.activations.c.claimed).where(
        tables.activations.c.hash.in_((bindparam("page"), bindparam("authenticator")))
    )
)
_USER = compiled(
    tables.users.insert().values(
        id=bindparam("user"),
        username=bindparam("name"),
        display_name=bindparam("name"),
        created=bindparam("now"),
    )
)
_OPEN = compiled(
    tables.activations.insert().values(
        hash=bindparam("code_hash"),
        kind=sa.literal_column("'enroll'"),
        user_id=bindparam("user"),
        created=bindparam("now"),
        expires=bindparam("until"),
    )
)
_NOTE = compiled(
    tables.audit.insert().values(
        at=bindparam("now"),
        actor=bindparam("who"),
        action=sa.literal_column("'enroll begin'"),
        object=bindparam("name"),
    )
)


class EnrollDesk:
    """Implements ``EnrollApi``. The link alone says who it is: it was given to somebody with a right password."""

    def __init__(
        self, writer: Writer, links: EnrollLinks, lines: Lines, base_url: str, now: Callable[[], float]
    ) -> None:
        """``now``: epoch seconds."""
        self._writer = writer
        self._links = links
        self._lines = lines
        self._base_url = base_url
        self._now = now

    async def look(self, ticket: str) -> Stage:
        return await self._led(ticket, self._looking)

    async def begin(self, ticket: str) -> Stage:
        return await self._led(ticket, self._beginning)

    def activation_link(self, activation_code: str) -> str | None:
        return activations.link_of(activation_code, self._base_url)

    async def _led(self, ticket: str, job: Callable[[Ticket], Job[Stage]]) -> Stage:
        read = self._links.read(ticket)
        if read is None or not _is_name(read.username):
            return _BAD_LINK
        return await self._writer.run(job(read))

    # ------------------------------------------------------------ in the writer's thread

    def _looking(self, ticket: Ticket) -> Job[Stage]:
        return lambda connection: self._stage(connection, ticket, load_account(connection, ticket.username))

    def _beginning(self, ticket: Ticket) -> Job[Stage]:
        def job(connection: Connection) -> Stage:
            account = load_account(connection, ticket.username)
            stage = self._stage(connection, ticket, account)
            if not isinstance(stage, Beginning):
                return stage
            now, name = self._now(), ticket.username
            user_id = account.id if account is not None else new_id("DU")
            if account is None:
                connection.execute(_USER, {"user": user_id, "name": name, "now": now})
            opened: Parameters = {"user": user_id, "now": now, "until": ticket.expires}
            for code in (ticket.code, ticket.credential):
                connection.execute(_OPEN, {**opened, "code_hash": hash_of(code)})
            connection.execute(_NOTE, {"now": now, "who": f"user:{name}", "name": name})
            return self._waiting(ticket)

        return job

    def _stage(self, connection: Connection, ticket: Ticket, account: Account | None) -> Stage:
        hashes = {"page": hash_of(ticket.code), "authenticator": hash_of(ticket.credential)}
        opened = connection.execute(_OPENED, hashes).fetchall()
        if any(claimed is not None for (claimed,) in opened):
            return Done(ticket.username)
        if account is None:
            return Beginning(ticket.username)
        if account.standing is Standing.DISABLED:
            return Closed(Why.DISABLED)
        if load_known(connection, account, self._now(), self._lines).is_enrolled(self._lines):
            return Closed(Why.HAS_DEVICE)
        return self._waiting(ticket) if opened else Beginning(ticket.username)

    def _waiting(self, ticket: Ticket) -> Waiting:
        seconds = ticket.expires - self._now()
        link = activations.shown(ticket.code, self._base_url, ticket.expires).url
        return Waiting(
            ticket.username, link, address_of(ticket.credential, self._base_url, seconds, ticket.username), seconds
        )


def _is_name(username: str) -> bool:
    """What was typed at a login may be no name that a user can have."""
    try:
        return checked_name(username, "none") == username
    except BadValue:
        return False
