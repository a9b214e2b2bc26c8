"""Other names of a user, as administrators give them: a login with one of them is the user's."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.users import User, checked_name
from authproxy.store.tables import aliases, users

MOST = 8


def add_alias(connection: sa.Connection, user: User, name: str, mode: str) -> None:
    """``mode``: ``username_normalization``. Raises BadValue, AlreadyThere."""
    alias = _checked_free(connection, name, mode)
    last = sa.select(sa.func.coalesce(sa.func.max(aliases.c.position), 0)).where(aliases.c.user_id == user.id)
    if len(aliases_of(connection, user)) >= MOST:
        raise BadValue(f"{user.username} has {MOST} aliases already")
    position = connection.execute(last).scalar_one() + 1
    connection.execute(aliases.insert().values(name=alias, user_id=user.id, position=position))


def put_aliases(connection: sa.Connection, user: User, wanted: Mapping[int, str], mode: str) -> None:
    """By place, from 1 to 8; an empty name leaves the place empty, and other places stay. Raises BadValue,
    AlreadyThere."""
    if any(not 1 <= position <= MOST for position in wanted):
        raise BadValue(f"a user has at most {MOST} aliases")
    mine = sa.and_(aliases.c.user_id == user.id, aliases.c.position.in_(wanted))
    connection.execute(aliases.delete().where(mine))
    for position, name in sorted(wanted.items()):
        if name.strip():
            alias = _checked_free(connection, name, mode)
            connection.execute(aliases.insert().values(name=alias, user_id=user.id, position=position))


def _checked_free(connection: sa.Connection, name: str, mode: str) -> str:
    """The normalized name. Raises BadValue, AlreadyThere."""
    alias = checked_name(name, mode)
    taken = sa.union_all(
        sa.select(users.c.id).where(users.c.username == alias),
        sa.select(aliases.c.user_id).where(aliases.c.name == alias),
    )
    if connection.execute(taken).first() is not None:
        raise AlreadyThere(f"{alias} is the name of a user, or an alias, already")
    return alias


def remove_alias(connection: sa.Connection, user: User, name: str, mode: str) -> None:
    """Raises NotFound."""
    mine = sa.and_(aliases.c.user_id == user.id, aliases.c.name == normalize(name, mode))
    if connection.execute(aliases.delete().where(mine)).rowcount == 0:
        raise NotFound(f"{user.username} has no alias {name!r}")


def aliases_of(connection: sa.Connection, user: User) -> list[str]:
    """In order."""
    query = sa.select(aliases.c.name).where(aliases.c.user_id == user.id).order_by(aliases.c.position)
    return list(connection.execute(query).scalars())


def all_aliases(connection: sa.Connection) -> dict[str, list[str]]:
    """By user ID."""
    found: dict[str, list[str]] = {}
    query = sa.select(aliases.c.user_id, aliases.c.name).order_by(aliases.c.position)
    for user_id, name in connection.execute(query):
        found.setdefault(user_id, []).append(name)
    return found
