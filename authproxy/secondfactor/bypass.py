"""Bypass codes: what the help desk gives to somebody without a device. Shown once, stored as keyed hashes."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
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
MOST_LIVE: Final = 100
_CHOSEN = re.compile(r"[0-9]{6,20}")
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
    _checked_expiry(uses, seconds)
    now = time.time()
    expires = now + seconds if seconds else None
    codes = new_codes(count)
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
    return codes, expires


def replace_codes(
    connection: sa.Connection,
    user: User,
    seeds: SeedBox,
    codes: Sequence[str],
    uses: int = DEFAULT_USES,
    seconds: int = 0,
    by: str = "",
    *,
    keeps_others: bool = False,
) -> list[str]:
    """``codes``: chosen by somebody, of 6 to 20 digits; or ``new_codes``. Unless it ``keeps_others``, all
    codes that the user had are void. Raises BadValue."""
    if any(not _CHOSEN.fullmatch(code) for code in codes) or len(set(codes)) != len(codes) or not codes:
        raise BadValue("wanted bypass codes of 6 to 20 digits, each of them once")
    expires = _checked_expiry(uses, seconds)
    if not keeps_others:
        revoke_codes(connection, user)
    if len(list_codes(connection, user)) + len(codes) > MOST_LIVE:
        raise BadValue(f"a user has at most {MOST_LIVE} bypass codes")
    hashes = {code: seeds.code_hash(user.id, code) for code in codes}
    used_up = sa.and_(bypass_codes.c.user_id == user.id, bypass_codes.c.hash.in_(hashes.values()))
    connection.execute(bypass_codes.delete().where(used_up))
    now = time.time()
    connection.execute(
        bypass_codes.insert(),
        [
            {
                "id": new_id("DB"),
                "user_id": user.id,
                "hash": code_hash,
                "uses_left": uses or None,
                "expires": now + expires if expires else None,
                "created": now,
                "created_by": by,
            }
            for code_hash in hashes.values()
        ],
    )
    return list(codes)


def new_codes(count: int) -> list[str]:
    """Nine digits each, no two alike."""
    codes: dict[str, None] = {}
    while len(codes) < count:
        codes[f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"] = None
    return list(codes)


def _checked_expiry(uses: int, seconds: int) -> int:
    """``seconds``, if both can be. Raises BadValue."""
    if not 0 <= uses <= _MOST_USES:
        raise BadValue(f"{uses} uses; wanted 0 (any number) to {_MOST_USES}")
    if not 0 <= seconds <= _LONGEST_VALID:
        raise BadValue(f"valid for {seconds} seconds; wanted 0 (no end) to {_LONGEST_VALID}, which is ten years")
    if not uses and not seconds:
        raise BadValue("a bypass code needs an end: a number of uses, or a time")
    return seconds


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
