"""Recovery codes: what an administrator keeps on paper for the day when key and app are lost. Shown once, stored
as keyed hashes, good once each."""

from __future__ import annotations

import secrets
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.tables import recovery_codes

COUNT: Final = 10
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_GROUP, _GROUPS = 4, 3  # 59 bits


def new_codes(connection: sa.Connection, seeds: SeedBox, admin: Administrator) -> list[str]:
    """They replace those before."""
    codes = [_new_code() for _ in range(COUNT)]
    forget_codes(connection, admin)
    rows = [{"admin_id": admin.id, "hash": seeds.code_hash(admin.id, _bare(code))} for code in codes]
    connection.execute(recovery_codes.insert(), rows)
    return codes


def use_code(connection: sa.Connection, seeds: SeedBox, admin: Administrator, code: str, now: float) -> bool:
    """Whether it is one of the administrator's, and used for the first time."""
    this = sa.and_(
        recovery_codes.c.admin_id == admin.id,
        recovery_codes.c.hash == seeds.code_hash(admin.id, _bare(code)),
        recovery_codes.c.used.is_(None),
    )
    return connection.execute(recovery_codes.update().where(this).values(used=now)).rowcount == 1


def count_left(connection: sa.Connection, admin: Administrator) -> int:
    left = sa.and_(recovery_codes.c.admin_id == admin.id, recovery_codes.c.used.is_(None))
    return connection.execute(sa.select(sa.func.count()).select_from(recovery_codes).where(left)).scalar_one()


def forget_codes(connection: sa.Connection, admin: Administrator) -> None:
    connection.execute(recovery_codes.delete().where(recovery_codes.c.admin_id == admin.id))


def _new_code() -> str:
    groups = ["".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)]
    return "-".join(groups)


def _bare(code: str) -> str:
    """As it was typed from paper: in any case, with or without dashes and blanks."""
    return "".join(code.replace("-", " ").lower().split())
