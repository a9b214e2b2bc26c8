"""Bypass codes: what the help desk gives to somebody without a device. Shown once, stored as keyed hashes."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import User
from authproxy.store.tables import bypass_codes

CODE_DIGITS: Final = 9
DEFAULT_USES: Final = 1
DEFAULT_SECONDS: Final = 3600
MOST_AT_ONCE: Final = 100
_MOST_USES = 1_000_000
_LONGEST_VALID = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class BypassRow:
    """A code in a list; the code itself can't be had. None: not limited in that way."""

    id: str
    uses_left: int | None
    expires: float | None
    created: float


def create_codes(
    connection: sa.Connection,
    user: User,
    seeds: SeedBox,
    count: int = 1,
    uses: int = DEFAULT_USES,
    seconds: int = DEFAULT_SECONDS,
    by: str = "",
) -> tuple[list[str], float | None]:
    """``count`` codes of nine digits, good for ``uses`` logins each (0: any number), for ``seconds`` (0: no end).
    ``by``: the actor, as in the audit.

    The codes and the time they expire. Raises BadValue.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise BadValue(f"{count} codes; wanted 1 to {MOST_AT_ONCE}")
    if not 0 <= uses <= _MOST_USES:
        raise BadValue(f"{uses} uses; wanted 0 (any number) to {_MOST_USES}")
    if not 0 <= seconds <= _LONGEST_VALID:
        raise BadValue(f"valid for {seconds} seconds; wanted 0 (no end) to {_LONGEST_VALID}, which is ten years")
    if not uses and not seconds:
        raise BadValue("a bypass code needs an end: a number of uses, or a time")
    now = time.time()
    expires = now + seconds if seconds else None
    codes: dict[str, None] = {}
    while len(codes) < count:
        codes[f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"] = None
    connection.execute(
        bypass_codes.insert(),
        [
            {
                "id": new_id("DB"),
                "user_id": user.id,
                "hash": seeds.code_hash(user.id, code),
                "uses_left": uses or None,
                "expires": expires,
                "created": now,
                "created_by": by,
            }
            for code in codes
        ],
    )
    return list(codes), expires


def list_codes(connection: sa.Connection, user: User) -> list[BypassRow]:
    """Those that still work, the newest last."""
    now = time.time()
    query = (
        sa.select(bypass_codes.c.id, bypass_codes.c.uses_left, bypass_codes.c.expires, bypass_codes.c.created)
        .where(bypass_codes.c.user_id == user.id)
        .order_by(bypass_codes.c.created)
    )
    rows = [BypassRow(*row) for row in connection.execute(query)]
    return [row for row in rows if row.uses_left != 0 and (row.expires is None or row.expires > now)]


def revoke_codes(connection: sa.Connection, user: User) -> int:
    """All of the user's; how many there were."""
    return connection.execute(bypass_codes.delete().where(bypass_codes.c.user_id == user.id)).rowcount
