"""The users that a sync meets, and its decisions carried out, in the transaction that is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from authproxy.secondfactor.audit import note
from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.pushes import cancel_pushes
from authproxy.secondfactor.roster import RosterGroup
from authproxy.secondfactor.sync_person import TEXTS, Number, Person
from authproxy.secondfactor.sync_plan import Add, Change, Decision, Known, Same, Stored, StoredPhone
from authproxy.store.tables import (
    aliases,
    directories,
    groups,
    phone_apps,
    phone_users,
    phones,
    user_groups,
    users,
)

Invites = Callable[[sa.Connection, Sequence[str], str], Iterable[tuple[str, str]]]
"""Sends invitations to the users of these IDs, in an actor's name: who can't be invited, and why."""

_COLUMNS: Final = (
    "id", "username", "display_name", "status", "directory_id", "directory_key", "left_directory", *TEXTS,
)  # fmt: skip


def known_to(connection: sa.Connection, directory: Directory, people: Sequence[Person]) -> Known:
    """Everybody whom these people may meet."""
    keys = [person.key for person in people]
    names = sorted({name for person in people for name in (person.username, *(person.aliases or ()))})
    same_servers = _same_servers(connection, directory)
    ours = sa.or_(users.c.directory_id.in_(same_servers), users.c.directory_id.is_(None))
    by_key = sa.and_(users.c.directory_key.in_(keys), ours)
    known = Known()
    for user in stored_users(connection, directory, sa.or_(by_key, users.c.username.in_(names))):
        known.by_name[user.username] = user
        known.names[user.username] = user.id
        is_own = user.directory_id == directory.id
        may_be_ours = user.directory_id is None or (user.has_left and user.directory_id in same_servers)
        if user.key and (is_own or (may_be_ours and user.key not in known.by_key)):
            known.by_key[user.key] = user
    for row in connection.execute(sa.select(aliases.c.name, aliases.c.user_id).where(aliases.c.name.in_(names))):
        known.names[row.name] = row.user_id
    return known


def _same_servers(connection: sa.Connection, directory: Directory) -> list[str]:
    """IDs of the directories that read this one's servers: whoever has the same key there is the same person."""
    same = sa.and_(directories.c.client == directory.client, directories.c.kind == directory.kind)
    return list(connection.execute(sa.select(directories.c.id).where(same)).scalars())


def stored_users(connection: sa.Connection, directory: Directory, where: sa.ColumnElement[bool]) -> list[Stored]:
    rows = connection.execute(sa.select(*(users.c[name] for name in _COLUMNS)).where(where)).all()
    ids = [row.id for row in rows]
    own_phones, own_aliases, own_groups = (
        _by_user(connection.execute(query.where(column.in_(ids))))
        for query, column in (
            (_phones(), phone_users.c.user_id),
            (sa.select(aliases.c.user_id, aliases.c.name).order_by(aliases.c.position), aliases.c.user_id),
            (_groups(directory), user_groups.c.user_id),
        )
    )
    return [
        Stored(
            row.id,
            row.username,
            row.display_name,
            row.status,
            row.directory_id,
            row.directory_key or "",
            row.left_directory is not None,
            {name: row._mapping[name] for name in TEXTS},
            tuple(_phone(phone, directory) for phone in own_phones.get(row.id, ())),
            tuple(alias.name for alias in own_aliases.get(row.id, ())),
            frozenset(group.directory_key for group in own_groups.get(row.id, ())),
        )
        for row in rows
    ]


def _by_user(rows: Iterable[sa.Row[Any]]) -> dict[str, list[sa.Row[Any]]]:
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.user_id, []).append(row)
    return found


def _phones() -> sa.Select[Any]:
    joined = phone_users.join(phones, phones.c.id == phone_users.c.phone_id).outerjoin(
        phone_apps, phone_apps.c.phone_id == phones.c.id
    )
    return sa.select(
        phone_users.c.user_id,
        phones.c.id,
        phones.c.number,
        phones.c.extension,
        phones.c.type,
        phones.c.directory_id,
        phone_apps.c.kind,
    ).select_from(joined)


def _phone(row: sa.Row[Any], directory: Directory) -> StoredPhone:
    number = Number(row.number, row.extension, row.type)
    return StoredPhone(row.id, number, row.directory_id == directory.id, row.kind is not None)


def _groups(directory: Directory) -> sa.Select[Any]:
    return (
        sa.select(user_groups.c.user_id, groups.c.directory_key)
        .join(groups, groups.c.id == user_groups.c.group_id)
        .where(groups.c.directory_id == directory.id, groups.c.directory_key.is_not(None))
    )


# ---------------------------------------------------------------- who is not there any more

_PAGE: Final = 1000


def those_who_left(connection: sa.Connection, directory: Directory, seen: Callable[[str], bool]) -> list[str]:
    """IDs of the users whose keys were not seen. Those who are disabled anyway do not count."""
    return [user_id for user_id, key in _listed(connection, directory) if not seen(key)]


def count_listed(connection: sa.Connection, directory: Directory) -> int:
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(users).where(_is_listed(directory))).scalar_one()
    )


def _listed(connection: sa.Connection, directory: Directory) -> Iterable[tuple[str, str]]:
    query = sa.select(users.c.id, users.c.directory_key).where(_is_listed(directory))
    for row in connection.execute(query.execution_options(yield_per=_PAGE)):
        yield row.id, row.directory_key or ""


def _is_listed(directory: Directory) -> sa.ColumnElement[bool]:
    return sa.and_(users.c.directory_id == directory.id, users.c.status != "disabled")


# ---------------------------------------------------------------- groups


def keep_groups(connection: sa.Connection, directory: Directory, found: Sequence[RosterGroup]) -> None:
    """The chosen groups are there, under their names; a name that is taken gets the directory's added. A group
    that is not chosen any more stays, without the directory's users."""
    theirs = {row.directory_key: row for row in connection.execute(_group_rows(directory))}
    for group in found:
        old = theirs.get(group.key)
        if old is None:
            name = _free_name(connection, directory, group.name, "")
            values = {"id": new_id("DG"), "name": name, "directory_id": directory.id, "directory_key": group.key}
            connection.execute(groups.insert().values(**values, created=time.time()))
            continue
        name = _free_name(connection, directory, group.name, old.id)
        if name != old.name:
            connection.execute(groups.update().where(groups.c.id == old.id).values(name=name))


def _group_rows(directory: Directory) -> sa.Select[Any]:
    return sa.select(groups.c.id, groups.c.name, groups.c.directory_key).where(
        groups.c.directory_id == directory.id
    )


def group_ids(connection: sa.Connection, directory: Directory) -> dict[str, str]:
    """By the directory's key."""
    return {row.directory_key: row.id for row in connection.execute(_group_rows(directory))}


def _free_name(connection: sa.Connection, directory: Directory, name: str, own_id: str) -> str:
    for wanted in (name, f"{name} (from {directory.name})"):
        taken = sa.and_(groups.c.name == wanted, groups.c.id != own_id)
        if connection.execute(sa.select(groups.c.id).where(taken)).first() is None:
            return wanted
    return f"{name} (from {directory.name}, {new_id('')})"


# ---------------------------------------------------------------- carrying out


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
        _insert(connection, aliases, [
            {"name": name, "user_id": user_id, "position": at}
            for user_id, person in rows for at, name in enumerate(person.aliases or (), start=1)
        ])  # fmt: skip
        _insert(connection, user_groups, [
            {"user_id": user_id, "group_id": ids[key]}
            for user_id, person in rows for key in person.groups if key in ids
        ])  # fmt: skip
        for user_id, person in rows:
            self._add_phones(connection, user_id, person.numbers or (), 0, now)
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
                self._take_over_phones(connection, user, user.directory_id)
        if change.is_back:
            values["left_directory"] = None
        if change.enables:  # out of the trash as well
            values |= {"status": "active", "trashed": None, "restores_to": None}
        if values:
            connection.execute(users.update().where(users.c.id == user.id).values(**values))
        if change.aliases is not None:
            connection.execute(aliases.delete().where(aliases.c.user_id == user.id))
            _insert(connection, aliases, [
                {"name": name, "user_id": user.id, "position": at}
                for at, name in enumerate(change.aliases, start=1)
            ])  # fmt: skip
        self._leave_groups(connection, user, [ids[key] for key in change.leaves if key in ids])
        joined = [{"user_id": user.id, "group_id": ids[key]} for key in change.joins if key in ids]
        _insert(connection, user_groups, joined)
        self._change_phones(connection, change, now)
        self._note(connection, "user set", change.columns.get("username", user.username), *_said(change))

    def _take_over_phones(self, connection: sa.Connection, user: Stored, other: str) -> None:
        """Whose numbers another directory had."""
        theirs = sa.select(phone_users.c.phone_id).where(phone_users.c.user_id == user.id)
        of_other = sa.and_(phones.c.id.in_(theirs), phones.c.directory_id == other)
        connection.execute(phones.update().where(of_other).values(directory_id=self.directory.id))

    def _leave_groups(self, connection: sa.Connection, user: Stored, left: Sequence[str]) -> None:
        if left:
            mine = sa.and_(user_groups.c.user_id == user.id, user_groups.c.group_id.in_(left))
            connection.execute(user_groups.delete().where(mine))

    def _change_phones(self, connection: sa.Connection, change: Change, now: float) -> None:
        changes, user_id = change.phones, change.user.id
        for phone_id, number in changes.renumbered:
            values = {"number": number.number, "extension": number.extension, "type": number.type}
            connection.execute(phones.update().where(phones.c.id == phone_id).values(**values))
        for phone_id in changes.unnumbered:
            unknown = phones.update().where(phones.c.id == phone_id)
            connection.execute(unknown.values(number="", extension="", directory_id=None))
        for phone_id in changes.deleted:
            cancel_pushes(connection, now, user_id, phone_id)
            connection.execute(phones.delete().where(phones.c.id == phone_id))
        self._add_phones(connection, user_id, changes.added, len(change.user.phones), now)

    def _add_phones(
        self, connection: sa.Connection, user_id: str, numbers: Sequence[Number], has: int, now: float
    ) -> None:
        rows = [(new_id("DP"), number) for number in numbers]
        _insert(connection, phones, [
            {"id": phone_id, "number": number.number, "extension": number.extension, "type": number.type,
             "directory_id": self.directory.id, "created": now}
            for phone_id, number in rows
        ])  # fmt: skip
        _insert(connection, phone_users, [
            {"user_id": user_id, "phone_id": phone_id, "position": at}
            for at, (phone_id, _number) in enumerate(rows, start=has + 1)
        ])  # fmt: skip

    def _note(
        self,
        connection: sa.Connection,
        action: str,
        username: str,
        detail: Mapping[str, Any],
        before: Mapping[str, Any] | None = None,
    ) -> None:
        note(connection, self.actor, action, username, {**detail, "directory": self.directory.name}, before=before)


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(table.insert(), list(map(dict, rows)))


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
