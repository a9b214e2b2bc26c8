"""The service's side of the enrollment page: how far a link has led, and a first phone for whoever has none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor import activations, invitations
from authproxy.secondfactor.account import Account, Standing, load_account
from authproxy.secondfactor.activations import hash_of
from authproxy.secondfactor.audit import note_at
from authproxy.secondfactor.enroll_api import Beginning, Closed, Done, Stage, Testing, Waiting, Why
from authproxy.secondfactor.enroll_links import EnrollLinks, Ticket
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.known import load_known
from authproxy.secondfactor.phone_api import PhoneRefused
from authproxy.secondfactor.phone_test import Tests, nothing_tested, untested_phone
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
        needs_test=sa.literal_column("1"),
    )
)
_FORGET = compiled(tables.activations.delete().where(tables.activations.c.hash == bindparam("code_hash")))


class EnrollDesk:
    """Implements ``EnrollApi``. The link alone says who it is: it was given to somebody with a right password, or
    sent to the address of a user."""

    def __init__(
        self,
        writer: Writer,
        links: EnrollLinks,
        lines: Lines,
        base_url: str,
        now: Callable[[], float],
        tests: Tests = nothing_tested,
    ) -> None:
        """``now``: epoch seconds. ``tests`` asks a phone for an answer."""
        self._writer = writer
        self._links = links
        self._lines = lines
        self._base_url = base_url
        self._now = now
        self._tests = tests

    async def look(self, ticket: str) -> Stage:
        return await self._writer.run(self._led(ticket, self._stage))

    async def begin(self, ticket: str) -> Stage:
        stage = await self._writer.run(self._led(ticket, self._beginning))
        if isinstance(stage, Testing):
            phone_id = await self._writer.run(lambda connection: _untested(connection, stage.username))
            if phone_id is not None:
                with suppress(PhoneRefused):  # was asked too often, or is gone: the page shows what there is
                    await self._tests(phone_id)
        return stage

    def activation_link(self, activation_code: str) -> str | None:
        return activations.link_of(activation_code, self._base_url)

    # ------------------------------------------------------------ in the writer's thread

    def _led(self, ticket: str, goes_on: Callable[[Connection, Ticket, Account | None], Stage]) -> Job[Stage]:
        def job(connection: Connection) -> Stage:
            read = self._links.read(ticket) or self._invited(connection, ticket)
            if isinstance(read, Closed):
                return read
            if not _is_name(read.username):
                return _BAD_LINK
            return goes_on(connection, read, load_account(connection, read.username))

        return job

    def _invited(self, connection: Connection, code: str) -> Ticket | Closed:
        found = invitations.led(connection, code)
        if found is None:
            return _BAD_LINK
        if found.expires <= self._now() and not found.is_completed:
            return Closed(Why.EXPIRED)
        return self._links.invited(found.username, found.expires, code, is_completed=found.is_completed)

    def _beginning(self, connection: Connection, ticket: Ticket, account: Account | None) -> Stage:
        stage = self._stage(connection, ticket, account)
        if not isinstance(stage, Beginning):
            return stage
        now, name = self._now(), ticket.username
        user_id = account.id if account is not None else new_id("DU")
        if account is None:
            connection.execute(_USER, {"user": user_id, "name": name, "now": now})
        opened: Parameters = {"user": user_id, "now": now, "until": ticket.expires}
        for code in (ticket.code, ticket.credential):
            connection.execute(_FORGET, {"code_hash": hash_of(code)})
            connection.execute(_OPEN, {**opened, "code_hash": hash_of(code)})
        note_at(connection, now, f"user:{name}", "enroll begin", name)
        return self._waiting(ticket)

    def _stage(self, connection: Connection, ticket: Ticket, account: Account | None) -> Stage:
        hashes = {"page": hash_of(ticket.code), "authenticator": hash_of(ticket.credential)}
        opened = connection.execute(_OPENED, hashes).fetchall()
        is_used = any(claimed is not None for (claimed,) in opened)
        if ticket.is_completed:
            return Done(ticket.username, ticket.is_invited)
        if is_used and account is not None and self._awaits_test(connection, ticket, account):
            return Testing(ticket.username)
        if is_used and not ticket.is_invited:
            return Done(ticket.username)  # also when the device was deleted: a link is good once
        if account is None:
            return _BAD_LINK if ticket.is_invited else Beginning(ticket.username)
        if account.standing is Standing.DISABLED:
            return Closed(Why.DISABLED)
        if self._is_enrolled(connection, ticket, account):
            return Closed(Why.HAS_DEVICE)
        if opened and not is_used:
            return self._waiting(ticket)
        return Beginning(ticket.username, ticket.is_invited)  # also when the device was deleted before it answered

    def _awaits_test(self, connection: Connection, ticket: Ticket, account: Account) -> bool:
        """Whether a device has yet to answer, and can still be the user's first."""
        is_there = untested_phone(connection, account.id) is not None
        return is_there and not self._is_enrolled(connection, ticket, account)

    def _is_enrolled(self, connection: Connection, ticket: Ticket, account: Account) -> bool:
        """Who was invited may have a number that can be called: setting up a device is what the mail is for."""
        lines = Lines() if ticket.is_invited else self._lines
        return load_known(connection, account, self._now(), lines).is_enrolled(lines)

    def _waiting(self, ticket: Ticket) -> Waiting:
        seconds = ticket.expires - self._now()
        link = activations.shown(ticket.code, self._base_url, ticket.expires).url
        return Waiting(
            ticket.username, link, address_of(ticket.credential, self._base_url, seconds, ticket.username), seconds
        )


def _untested(connection: Connection, username: str) -> str | None:
    account = load_account(connection, username)
    return untested_phone(connection, account.id) if account is not None else None


def _is_name(username: str) -> bool:
    """What was typed at a login may be no name that a user can have."""
    try:
        return checked_name(username, "none") == username
    except BadValue:
        return False
