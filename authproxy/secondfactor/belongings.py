"""What many users have, and whose many devices are: loaded for a page of a list at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from authproxy.secondfactor.groups import Group, some_groups
from authproxy.secondfactor.phones import PhoneRow, some_phones
from authproxy.secondfactor.security_keys import SecurityKey, keys_of_users
from authproxy.secondfactor.tokens import Token, some_tokens
from authproxy.secondfactor.users import User, chunks, read_users
from authproxy.store.tables import aliases, device_users, phone_users, sms_codes, user_groups, users


@dataclass(slots=True)
class Belongings:
    """Of one user, in their order. ``aliases`` by place."""

    aliases: dict[int, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    phones: list[PhoneRow] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    keys: list[SecurityKey] = field(default_factory=list)


def belongings(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, Belongings]:
    """By user; every one is there."""
    named = aliases_of_users(connection, user_ids)
    found = {user_id: Belongings(named[user_id]) for user_id in user_ids}
    for user_id, groups in groups_of_users(connection, user_ids).items():
        found[user_id].groups.extend(groups)
    phones = {phone.id: phone for phone in some_phones(connection, _linked(connection, phone_users, user_ids))}
    for user_id, phone_id in _pairs(connection, phone_users, user_ids):
        found[user_id].phones.append(phones[phone_id])
    tokens = {token.id: token for token in some_tokens(connection, _linked(connection, device_users, user_ids))}
    for user_id, token_id in _pairs(connection, device_users, user_ids):
        if token_id in tokens:  # not a code generator of the user's own
            found[user_id].tokens.append(tokens[token_id])
    for key in keys_of_users(connection, user_ids):
        found[key.owner_id].keys.append(key)
    return found


def aliases_of_users(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, dict[int, str]]:
    """By user and place; every user is there."""
    found: dict[str, dict[int, str]] = {user_id: {} for user_id in user_ids}
    for some in chunks(user_ids):
        query = sa.select(aliases.c.user_id, aliases.c.position, aliases.c.name).where(aliases.c.user_id.in_(some))
        for user_id, position, name in connection.execute(query):
            found[user_id][position] = name
    return found


def groups_of_users(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, list[Group]]:
    """By user; every one is there."""
    found: dict[str, list[Group]] = {user_id: [] for user_id in user_ids}
    groups = {group.id: group for group in some_groups(connection, _linked(connection, user_groups, user_ids))}
    for user_id, group_id in _pairs(connection, user_groups, user_ids):
        found[user_id].append(groups[group_id])
    return found


def phones_with_passcodes(connection: sa.Connection, phone_ids: Sequence[str]) -> set[str]:
    """Those that SMS passcodes were sent to which are remembered."""
    found: set[str] = set()
    for some in chunks(phone_ids):
        query = sa.select(sms_codes.c.phone_id).where(sms_codes.c.phone_id.in_(some)).distinct()
        found.update(connection.execute(query).scalars())
    return found


def owners_of_phones(connection: sa.Connection, phone_ids: Sequence[str]) -> dict[str, list[User]]:
    """By phone; every one is there."""
    return _owners(connection, phone_users, phone_ids)


def owners_of_tokens(connection: sa.Connection, token_ids: Sequence[str]) -> dict[str, list[User]]:
    """By token; every one is there."""
    return _owners(connection, device_users, token_ids)


def _owners(connection: sa.Connection, links: sa.Table, ids: Sequence[str]) -> dict[str, list[User]]:
    found: dict[str, list[User]] = {each: [] for each in ids}
    for some in chunks(ids):
        query = sa.select(links.c.user_id, _other(links)).where(_other(links).in_(some))
        pairs = connection.execute(query).all()
        known = users_by_id(connection, [user_id for user_id, _ in pairs])
        for user_id, owned in pairs:
            found[owned].append(known[user_id])
    for owners in found.values():
        owners.sort(key=lambda user: user.username)
    return found


def users_by_id(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, User]:
    """Those that are there."""
    found: dict[str, User] = {}
    for some in chunks(list(dict.fromkeys(user_ids))):
        for user in _some_users(connection, some):
            found[user.id] = user
    return found


def _some_users(connection: sa.Connection, ids: Sequence[str]) -> list[User]:
    return read_users(connection, lambda query: query.where(users.c.id.in_(ids)))


def _other(links: sa.Table) -> sa.Column[str]:
    """What is not the user."""
    return next(column for column in links.c if column.name not in ("user_id", "position"))


def _pairs(connection: sa.Connection, links: sa.Table, user_ids: Sequence[str]) -> list[tuple[str, str]]:
    order = links.c.get("position", _other(links))
    found: list[tuple[str, str]] = []
    for some in chunks(user_ids):
        query = sa.select(links.c.user_id, _other(links)).where(links.c.user_id.in_(some)).order_by(order)
        found += [(user_id, owned) for user_id, owned in connection.execute(query)]
    return found


def _linked(connection: sa.Connection, links: sa.Table, user_ids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(owned for _, owned in _pairs(connection, links, user_ids)))
