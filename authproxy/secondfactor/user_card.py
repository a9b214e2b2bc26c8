"""What administrators fill in about a user, as one card: compared, changed and recorded as a whole.

Whoever saves a card says which one was shown: a lost update.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.aliases import add_alias, aliases_of, remove_alias
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.groups import add_member, find_group, groups_of, remove_member
from authproxy.secondfactor.lost_update import ChangedMeanwhile, Difference, differences, seal
from authproxy.secondfactor.users import User, change_user, rename_user, user_by_id

_PLAIN: Final = ("email", "realname", "status", "notes")


@dataclass(frozen=True, slots=True)
class UserCard:
    """``name`` as it was spelled. ``aliases`` in order; ``groups`` by name, sorted."""

    name: str
    email: str
    realname: str
    status: str
    notes: str
    aliases: tuple[str, ...]
    groups: tuple[str, ...]

    def told(self) -> dict[str, JsonValue]:
        """For the record of changes."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def seal(self) -> str:
        """As a form carries it."""
        return seal(self.told())

    @classmethod
    def unseal(cls, text: str) -> UserCard | None:
        """None: it is not what :meth:`seal` made."""
        try:
            told = json.loads(text)
            plain = {name: str(told[name]) for name in ("name", *_PLAIN)}
            return cls(**plain, aliases=tuple(map(str, told["aliases"])), groups=tuple(map(str, told["groups"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


class ChangedCard(ChangedMeanwhile):
    """``card``: what the user is now."""

    def __init__(self, card: UserCard, differences: Sequence[Difference]) -> None:
        super().__init__(differences)
        self.card = card


def card_of(connection: sa.Connection, user: User) -> UserCard:
    groups = sorted(group.name for group in groups_of(connection, user.id))
    return UserCard(
        user.display_name,
        user.email,
        user.realname,
        user.status,
        user.notes,
        tuple(aliases_of(connection, user)),
        tuple(groups),
    )


def save_card(
    connection: sa.Connection,
    user: User,
    shown: UserCard,
    wanted: UserCard,
    mode: str,
    actor: str,
    address: str = "",
) -> User:
    """``mode``: ``username_normalization``. Raises ChangedCard, BadValue, AlreadyThere, NotFound."""
    now = card_of(connection, user)
    if now != shown:
        raise ChangedCard(now, differences(shown.told(), now.told()))
    if wanted.name != now.name:
        rename_user(connection, user, wanted.name, mode)
    plain = {name: getattr(wanted, name) for name in _PLAIN if getattr(wanted, name) != getattr(now, name)}
    change_user(connection, user, plain)
    for alias in now.aliases:
        if alias not in wanted.aliases:
            remove_alias(connection, user, alias, mode)
    for alias in wanted.aliases:
        if alias not in now.aliases:
            add_alias(connection, user, alias, mode)
    for group in set(now.groups) - set(wanted.groups):
        remove_member(connection, find_group(connection, group), user)
    for group in sorted(set(wanted.groups) - set(now.groups)):
        add_member(connection, find_group(connection, group), user)
    saved = user_by_id(connection, user.id)
    after = card_of(connection, saved)
    changed = [difference.field for difference in differences(now.told(), after.told())]
    if changed:
        told_before, told = now.told(), after.told()
        note(
            connection,
            actor,
            "user set",
            saved.username,
            {name: told[name] for name in changed},
            before={name: told_before[name] for name in changed},
            address=address,
        )
    return saved
