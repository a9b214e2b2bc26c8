"""SMS passcodes: a batch of seven-digit codes that begin with different digits, each good once.

A new batch ends the one before. All of this runs in the writer's thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import sms_codes

DIGITS: Final = 7
_CHANCE = secrets.SystemRandom()

_FORGET = compiled(sms_codes.delete().where(sms_codes.c.user_id == bindparam("owner")))
_INSERT = compiled(
    sms_codes.insert().values(
        user_id=bindparam("owner"),
        hash=bindparam("code_hash"),
        phone_id=bindparam("phone_id"),
        first_digit=bindparam("first_digit"),
        position=bindparam("position"),
        created=bindparam("now"),
        expires=bindparam("expires"),
    )
)
_is_fresh = sa.and_(
    sms_codes.c.used.is_(None), sa.or_(sms_codes.c.expires.is_(None), sms_codes.c.expires > bindparam("now"))
)
_is_this = sa.and_(sms_codes.c.user_id == bindparam("owner"), sms_codes.c.hash == bindparam("code_hash"))
_USE = compiled(sms_codes.update().where(_is_this, _is_fresh).values(used=bindparam("now")))
_FIND = compiled(sa.select(sms_codes.c.used).where(_is_this))
_NEXT = compiled(
    sa.select(sms_codes.c.phone_id, sms_codes.c.first_digit)
    .where(sms_codes.c.user_id == bindparam("owner"), _is_fresh)
    .order_by(sms_codes.c.position)
    .limit(sa.literal_column("1"))
    .offset(sa.literal_column("0"))
)


@dataclass(frozen=True, slots=True)
class NextCode:
    """What the user may be reminded of: on which phone to look, for a code that begins how."""

    phone_id: str
    first_digit: str


class SmsFinding(Enum):
    RIGHT = "right, and used up"
    USED = "used before"
    EXPIRED = "expired"
    UNKNOWN = "none of the user's batch"


def new_codes(count: int) -> tuple[str, ...]:
    """``count`` codes, at most ten: no two begin with the same digit."""
    rest = 10 ** (DIGITS - 1)
    return tuple(
        f"{first}{_CHANCE.randrange(rest):0{DIGITS - 1}d}" for first in _CHANCE.sample("0123456789", count)
    )


def hashed(code: str) -> str:
    """What is given to ``Seals.code_hash``: not the same as for a bypass code of the same digits."""
    return f"sms {code}"


def store_batch(
    connection: Connection,
    user_id: str,
    phone_id: str,
    hashes: Mapping[str, bytes],
    now: float,
    expires: float | None,
) -> None:
    """``hashes``: each code's, in order. ``expires``: None: until the next batch."""
    connection.execute(_FORGET, {"owner": user_id})
    for position, (code, code_hash) in enumerate(hashes.items(), 1):
        row: Parameters = {
            "owner": user_id,
            "code_hash": code_hash,
            "phone_id": phone_id,
            "first_digit": code[0],
            "position": position,
            "now": now,
            "expires": expires,
        }
        connection.execute(_INSERT, row)


def use_code(connection: Connection, user_id: str, code_hash: bytes, now: float) -> SmsFinding:
    """Uses a code up; of any number of attempts at once exactly one finds it right."""
    key: Parameters = {"owner": user_id, "code_hash": code_hash}
    if connection.execute(_USE, {**key, "now": now}).rowcount == 1:
        return SmsFinding.RIGHT
    row = connection.execute(_FIND, key).fetchone()
    if row is None:
        return SmsFinding.UNKNOWN
    return SmsFinding.EXPIRED if row[0] is None else SmsFinding.USED


def next_code(connection: Connection, user_id: str, now: float) -> NextCode | None:
    """None: no code is open."""
    rows: Sequence[tuple[str, str]] = connection.execute(_NEXT, {"owner": user_id, "now": now}).fetchall()
    return NextCode(*rows[0]) if rows else None
