"""The decisions of a sync carried out, in the transaction that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authproxy.secondfactor.audit import note
from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.sync_groups import group_ids
from authproxy.secondfactor.sync_person import TEXTS, Person
from authproxy.secondfactor.sync_phones import add_phones, change_phones, insert_all, take_over_phones
from authproxy.secondfactor.sync_plan import Add, Change, Decision, Same, Stored
from authproxy.store.tables import aliases, user_groups, users

Invites = Callable[[sa.Connection, Sequence[str], str], Iterable[tuple[str, str]]]
"""Sends invitations to the users of these IDs, in an actor's name: who can't be invited, and why."""


@dataclass(frozen=True, slots=True)
class Clerk:
    """Writes down decisions, each with an audit row by ``actor``. ``invites`` None: nobody is invited. Who is new
    comes last: a name may have been given up for them."""

    directory: Directory
    actor: str
    invites: Invites | None = None

    def carry_out(self, connection: sa.Connection, decisions: Sequence[Decision], now: float) -> list[str]:
        """What went wrong with invitations."""
        ids = group_ids(connection, self.directory)
        there: list[str] = []
        for decision in decisions:
            match decision:
                case Change(user=user):
                    self._change(connection, decision, ids, now)
                    there.append(user.id)
                case Same(user=user):
                    there.append(user.id)
        added = self._add([each.person for each in decisions if isinstance(each, Add)], connection, ids, now)
        if there:
            connection.execute(users.update().where(users.c.id.in_(there)).values(last_sync=now))
        if self.invites is None or not added:
            return []
        refused = self.invites(connection, added, self.actor)
        return [f"{username} is not invited: {why}" for username, why in refused]

    def disable(self, connection: sa.Connection, user: Stored, now: float) -> None:
        left = {"left_directory": sa.func.coalesce(users.c.left_directory, now)}
        connection.execute(users.update().where(users.c.id == user.id).values(status="disabled", **left))
        cancel_pushes(connection, now, user.id)
        ids = group_ids(connection, self.directory)
        self._leave_groups(connection, user, [ids[key] for key in user.groups if key in ids])
        self._note(connection, "user set", user.username, {"status": "disabled"}, {"status": user.status})

    def _add(
        self, people: Sequence[Person], connection: sa.Connection, ids: Mapping[str, str], now: float
    ) -> list[str]:
        """All at once: a first sync has many. Their IDs."""
        rows = [(new_id("DU"), person) for person in people]
        if not rows:
            return []
        connection.execute(users.insert(), [self._row(user_id, person, now) for user_id, person in rows])
        insert_all(connection, aliases, [
            {"name": name, "user_id": user_id, "position": at}
            for user_id, person in rows for at, name in enumerate(person.aliases or (), start=1)
        ])  # fmt: skip
        insert_all(connection, user_groups, [
            {"user_id": user_id, "group_id": ids[key]}
            for user_id, person in rows for key in person.groups if key in ids
        ])  # fmt: skip
        for user_id, person in rows:
            add_phones(connection, self.directory, user_id, person.numbers or (), now)
            self._note(connection, "user add", person.username, {"email": person.texts.get("email", "")})
        return [user_id for user_id, _person in rows]

    def _row(self, user_id: str, person: Person, now: float) -> dict[str, object]:
        return {
            "id": user_id,
            "username": person.username,
            "display_name": person.display_name,
            **{name: person.texts.get(name, "") for name in TEXTS},
            "status": "active",
            "directory_id": self.directory.id,
            "directory_key": person.key,
            "last_sync": now,
            "created": now,
        }

    def _change(self, connection: sa.Connection, change: Change, ids: Mapping[str, str], now: float) -> None:
        user = change.user
        values: dict[str, object] = dict(change.columns)
        if change.is_adopted:
            values |= {"directory_id": self.directory.id, "directory_key": change.key}
            if user.directory_id is not None:
                take_over_phones(connection, self.directory, user)
        if change.is_back:
            values["left_directory"] = None
        if change.enables:  # out of the trash as well
            values |= {"status": "active", "trashed": None, "restores_to": None}
        if values:
            connection.execute(users.update().where(users.c.id == user.id).values(**values))
        if change.aliases is not None:
            connection.execute(aliases.delete().where(aliases.c.user_id == user.id))
            insert_all(connection, aliases, [
                {"name": name, "user_id": user.id, "position": at}
                for at, name in enumerate(change.aliases, start=1)
            ])  # fmt: skip
        self._leave_groups(connection, user, [ids[key] for key in change.leaves if key in ids])
        joined = [{"user_id": user.id, "group_id": ids[key]} for key in change.joins if key in ids]
        insert_all(connection, user_groups, joined)
        change_phones(connection, self.directory, change, now)
        self._note(connection, "user set", change.columns.get("username", user.username), *_said(change))

    def _leave_groups(self, connection: sa.Connection, user: Stored, left: Sequence[str]) -> None:
        if left:
            mine = sa.and_(user_groups.c.user_id == user.id, user_groups.c.group_id.in_(left))
            connection.execute(user_groups.delete().where(mine))

    def _note(
        self,
        connection: sa.Connection,
        action: str,
        username: str,
        detail: Mapping[str, Any],
        before: Mapping[str, Any] | None = None,
    ) -> None:
        note(connection, self.actor, action, username, {**detail, "directory": self.directory.name}, before=before)


def _said(change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    """For the audit: what it became, and what it was."""
    user = change.user
    after: dict[str, Any] = dict(change.columns)
    before: dict[str, Any] = {
        name: {"username": user.username, "display_name": user.display_name, **user.texts}.get(name, "")
        for name in after
    }
    if change.enables:
        after["status"], before["status"] = "active", user.status
    if change.joins or change.leaves:
        after["groups"] = len(user.groups | change.joins) - len(change.leaves)
        before["groups"] = len(user.groups)
    if change.aliases is not None:
        after["aliases"], before["aliases"] = list(change.aliases), list(user.aliases)
    if change.phones:
        phones_ = change.phones
        after["phones"] = len(user.phones) + len(phones_.added) - len(phones_.deleted)
        before["phones"] = len(user.phones)
    if change.is_adopted:
        before["directory"] = user.directory_id or ""
    return after, before
