"""Why a code was rejected: what a help desk is told about a code that a user reads out. Nothing is used up.

The code is looked for where it could have come from: on the user's own tokens and phones now, earlier and later;
among the user's SMS passcodes and bypass codes; and on the tokens of everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from authproxy.errors import SecretError
from authproxy.secondfactor import passcode, sms_codes
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import User
from authproxy.store.tables import bypass_codes, device_users, devices, users
from authproxy.store.tables import sms_codes as sms_table

_FAR_SECONDS: Final = 3600
_FAR_COUNTERS: Final = 1000
_MOST_OTHERS: Final = 20_000  # tokens of everybody else that are looked at
_SHORTEST, _LONGEST = 6, 9


@dataclass(frozen=True, slots=True)
class Source:
    """A token, an authenticator app or a phone. ``label`` as people know it; ``users`` who have it, by name."""

    device_id: str
    label: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RightNow:
    """It would be accepted."""

    source: Source


@dataclass(frozen=True, slots=True)
class OtherTime:
    """Right for a time step ``seconds`` from now: more than 0 when the token's clock is ahead. ``is_used``: its
    step is one that was used, or older."""

    source: Source
    seconds: int
    is_used: bool


@dataclass(frozen=True, slots=True)
class OtherCounter:
    """Right for a counter ``codes`` ahead of what is expected, which is too far: resynchronizing helps."""

    source: Source
    codes: int


@dataclass(frozen=True, slots=True)
class AlreadyUsed:
    source: Source


@dataclass(frozen=True, slots=True)
class SomebodyElses:
    """It is what a token shows that this user does not have."""

    source: Source


@dataclass(frozen=True, slots=True)
class HandedOut:
    """An SMS passcode or a bypass code. ``state``: open, used, expired."""

    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nothing can be said of this one: its seed was sealed with another key, or is damaged."""

    source: Source


Finding = RightNow | OtherTime | OtherCounter | AlreadyUsed | SomebodyElses | HandedOut | Unreadable


@dataclass(frozen=True, slots=True)
class Windows:
    """What a login accepts: ``steps`` either side, ``counters`` ahead."""

    steps: int
    counters: int


def diagnose(
    connection: sa.Connection, user: User, code: str, seeds: SeedBox, now: float, windows: Windows
) -> list[Finding]:
    """``code`` as it was read out. Empty: it comes from nowhere here. ``now``: epoch seconds. Raises BadValue."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and _SHORTEST <= len(digits) <= _LONGEST):
        raise BadValue(f"a code of {_SHORTEST} to {_LONGEST} digits is wanted")
    found: list[Finding] = []
    for row in _devices(connection, devices.c.id.in_(_owned(user))):
        finding = _of_device(row, _source(connection, row), digits, seeds, now, windows)
        if finding is not None:
            found.append(finding)
    found += _handed_out(connection, user, digits, seeds, now)
    if not any(isinstance(finding, RightNow | AlreadyUsed | HandedOut) for finding in found):
        found += _of_others(connection, user, digits, seeds, now, windows)
    return found


# ---------------------------------------------------------------- tokens and apps


def _of_device(
    row: sa.Row[Any], source: Source, code: str, seeds: SeedBox, now: float, windows: Windows
) -> Finding | None:
    if len(code) != row.digits:
        return None
    try:
        seed = seeds.decrypt(row.id, row.seed)
    except SecretError:
        return Unreadable(source)
    if row.kind == "totp":
        return _of_clock(row, source, seed, code, now, windows.steps)
    return _of_counter(row, source, seed, code, windows.counters) if row.kind == "hotp" else None


def _of_clock(row: sa.Row[Any], source: Source, seed: bytes, code: str, now: float, window: int) -> Finding | None:
    today = passcode.step_at(now, row.step)
    center = today + row.drift if row.origin == "hardware" else today
    reach = _FAR_SECONDS // row.step + abs(center - today)
    step = passcode.match_near(seed, code, center, reach, row.digits, row.algorithm)
    if step is None:
        return None
    is_used = row.last_step is not None and step <= row.last_step
    if abs(step - center) <= window:
        return AlreadyUsed(source) if is_used else RightNow(source)
    return OtherTime(source, (step - today) * row.step, is_used)


def _of_counter(row: sa.Row[Any], source: Source, seed: bytes, code: str, window: int) -> Finding | None:
    found = passcode.match_from(seed, code, row.counter, _FAR_COUNTERS, row.digits, row.algorithm)
    if found is not None:
        ahead = found - row.counter
        return RightNow(source) if ahead <= window else OtherCounter(source, ahead)
    first = max(row.counter - _FAR_COUNTERS, 0)
    back = passcode.match_from(seed, code, first, row.counter - first, row.digits, row.algorithm)
    return None if back is None else AlreadyUsed(source)


def _of_others(
    connection: sa.Connection, user: User, code: str, seeds: SeedBox, now: float, windows: Windows
) -> Iterator[Finding]:
    """What tokens of others show about now: a narrow look, as a wide one would find chance hits among many."""
    others = sa.and_(devices.c.id.not_in(_owned(user)), devices.c.digits == len(code))
    for row in _devices(connection, others):
        try:
            seed = seeds.decrypt(row.id, row.seed)
        except SecretError:
            continue
        if _shows(row, seed, code, now, windows):
            yield SomebodyElses(_source(connection, row))


def _shows(row: sa.Row[Any], seed: bytes, code: str, now: float, windows: Windows) -> bool:
    if row.kind == "totp":
        center = passcode.step_at(now, row.step) + row.drift
        return passcode.match_near(seed, code, center, windows.steps, row.digits, row.algorithm) is not None
    first = max(row.counter - 1, 0)
    return passcode.match_from(seed, code, first, windows.counters + 1, row.digits, row.algorithm) is not None


def _owned(user: User) -> sa.Select[Any]:
    return sa.select(device_users.c.device_id).where(device_users.c.user_id == user.id)


def _devices(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
    names = ("id", "kind", "origin", "name", "serial", "digits", "step", "algorithm", "seed", "counter",
             "last_step", "drift")  # fmt: skip
    query = sa.select(*(devices.c[name] for name in names)).where(where, devices.c.kind.in_(("totp", "hotp")))
    return connection.execute(query.order_by(devices.c.id).limit(_MOST_OTHERS)).all()


def _source(connection: sa.Connection, row: sa.Row[Any]) -> Source:
    owners = (
        sa.select(users.c.username)
        .join(device_users, users.c.id == device_users.c.user_id)
        .where(device_users.c.device_id == row.id)
        .order_by(users.c.username)
    )
    label = f"token {row.serial}" if row.serial else row.name or row.id
    return Source(row.id, label, tuple(connection.execute(owners).scalars()))


# ---------------------------------------------------------------- codes that were handed out


def _handed_out(
    connection: sa.Connection, user: User, code: str, seeds: SeedBox, now: float
) -> Iterator[HandedOut]:
    sms = sa.and_(
        sms_table.c.user_id == user.id, sms_table.c.hash == seeds.code_hash(user.id, sms_codes.hashed(code))
    )
    row = connection.execute(sa.select(sms_table.c.used, sms_table.c.expires).where(sms)).first()
    if row is not None:
        yield HandedOut("SMS passcode", _state(row.used is not None, row.expires, now))
    bypass = sa.and_(bypass_codes.c.user_id == user.id, bypass_codes.c.hash == seeds.code_hash(user.id, code))
    row = connection.execute(sa.select(bypass_codes.c.uses_left, bypass_codes.c.expires).where(bypass)).first()
    if row is not None:
        yield HandedOut("bypass code", _state(row.uses_left == 0, row.expires, now))


def _state(is_used: bool, expires: float | None, now: float) -> str:
    if is_used:
        return "used"
    return "expired" if expires is not None and expires <= now else "open"
