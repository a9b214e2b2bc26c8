"""Hardware tokens, as administrators manage them: devices with a serial, which may belong to nobody or to several
users. A serial is unique among tokens of one type."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from authproxy.secondfactor import passcode
from authproxy.secondfactor.devices import assign, check_step
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotDone, NotFound
from authproxy.secondfactor.rows import BadRow
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.token_rows import TYPES, NewToken
from authproxy.secondfactor.users import User, chunks
from authproxy.store.tables import device_users, devices, users

RESYNC_CODES: Final = 1000  # how far ahead a counter is looked for
RESYNC_SECONDS: Final = 86_400  # how far off a clock is looked for, either way
_IN_WORDS: Final = {2: "two", 3: "three"}
_TYPE_OF: Final = {made: name for name, made in TYPES.items()}


@dataclass(frozen=True, slots=True)
class Token:
    """``counter``: the next that may be accepted (HOTP; of a YubiKey session * 256 + use). ``drift``: steps that
    the clock is ahead (TOTP). ``users`` by name. Times in epoch seconds.
    """

    id: str
    serial: str
    kind: str
    digits: int
    step: int
    counter: int
    last_step: int | None
    drift: int
    created: float
    last_used: float | None
    algorithm: str
    seed: bytes = field(repr=False)
    users: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """``h6``, ``h8``, ``t6``, ``t8`` or ``yk``."""
        return _TYPE_OF[self.kind, self.digits]


_COLUMNS = [devices.c[name] for name in Token.__dataclass_fields__ if name != "users"]
_TOKENS = sa.select(*_COLUMNS).where(devices.c.origin == "hardware")
_OWNERS = sa.select(device_users.c.device_id, users.c.username).join(users, users.c.id == device_users.c.user_id)


def list_tokens(connection: sa.Connection) -> list[Token]:
    """All of them, by serial."""
    return read_tokens(connection, lambda query: query)


def read_tokens(connection: sa.Connection, narrowed: Callable[[sa.Select[Any]], sa.Select[Any]]) -> list[Token]:
    """The tokens that a query finds, by serial. ``narrowed`` adds where and limit to one for all."""
    query = narrowed(_TOKENS.order_by(devices.c.serial, devices.c.kind, devices.c.digits))
    rows = connection.execute(query).all()
    owners: dict[str, list[str]] = {}
    for some in chunks([row.id for row in rows]):
        named = _OWNERS.where(device_users.c.device_id.in_(some)).order_by(users.c.username)
        for token_id, username in connection.execute(named):
            owners.setdefault(token_id, []).append(username)
    return [_token(row, owners.get(row.id, ())) for row in rows]


def kind_of(type_: str) -> tuple[str, int]:
    """What a token of type ``h6`` makes, and of how many digits. Raises BadValue."""
    found = TYPES.get(type_.strip().lower())
    if found is None:
        raise BadValue(f"{type_[:20]!r} is no type of token; wanted {', '.join(TYPES)}")
    return found


def some_tokens(connection: sa.Connection, ids: Sequence[str]) -> list[Token]:
    """Those of these devices that are tokens."""
    found: list[Token] = []
    for some in chunks(ids):
        wanted = devices.c.id.in_(some)
        found += read_tokens(connection, partial(_where, wanted))
    return found


def _where(condition: sa.ColumnElement[bool], query: sa.Select[Any]) -> sa.Select[Any]:
    return query.where(condition)


def add_token(connection: sa.Connection, seeds: SeedBox, token: NewToken) -> Token:
    """Of nobody yet. Raises AlreadyThere."""
    row = _row(token, seeds, time.time())
    try:
        with connection.begin_nested():
            connection.execute(devices.insert().values(**row))
    except sa.exc.IntegrityError:
        type_ = _TYPE_OF[token.kind, token.digits]
        raise AlreadyThere(f"there is a token {token.serial} of type {type_} already") from None
    return some_tokens(connection, [str(row["id"])])[0]


def change_step(connection: sa.Connection, token: Token, step: int) -> None:
    """``step``: seconds that a code of a time-based token stands for. Raises BadValue."""
    if token.kind != "totp":
        raise BadValue(f"token {token.serial} is not time-based")
    check_step(step)
    change = devices.update().where(devices.c.id == token.id).values(step=step, last_step=None, drift=0)
    connection.execute(change)


def find_token(connection: sa.Connection, serial: str, type_: str | None = None) -> Token:
    """``type_``: needed where tokens of several types have the serial. Raises NotFound, BadValue."""
    tokens = _TOKENS.where(devices.c.serial == serial.strip())
    if type_ is not None:
        kind, digits = TYPES[type_]
        tokens = tokens.where(devices.c.kind == kind, devices.c.digits == digits)
    found = [_token(row) for row in connection.execute(tokens.order_by(devices.c.kind, devices.c.digits))]
    if not found:
        of_type = "" if type_ is None else f" of type {type_}"
        raise NotFound(f"there is no token {serial!r}{of_type}; `authproxy token list` shows all")
    if len(found) > 1:
        types = ", ".join(token.type for token in found)
        raise BadValue(f"there are several tokens {serial}, of types {types}: name one with --type")
    owners = _OWNERS.where(device_users.c.device_id == found[0].id).order_by(users.c.username)
    return replace(found[0], users=tuple(row.username for row in connection.execute(owners)))


def _token(row: Sequence[Any], owners: Iterable[str] = ()) -> Token:
    return replace(Token(*row), users=tuple(owners))


def assign_token(connection: sa.Connection, token: Token, user: User) -> None:
    """The user's codes may come from this token too. Raises AlreadyThere."""
    if user.username in token.users:
        raise AlreadyThere(f"token {token.serial} is {user.username}'s already")
    assign(connection, token.id, user)


def unassign_token(connection: sa.Connection, token: Token, user: User) -> None:
    """Raises NotFound."""
    link = sa.and_(device_users.c.device_id == token.id, device_users.c.user_id == user.id)
    if connection.execute(device_users.delete().where(link)).rowcount == 0:
        raise NotFound(f"token {token.serial} is not {user.username}'s")


def delete_token(connection: sa.Connection, token: Token) -> None:
    """Its codes are refused from now on, whoever had it."""
    connection.execute(devices.delete().where(devices.c.id == token.id))


# ---------------------------------------------------------------- many at once


def obstacles(connection: sa.Connection, tokens: Sequence[NewToken], mode: str) -> list[BadRow]:
    """The rows that can't be added to what is there. ``mode``: how user names are normalized."""
    return [*_repeated(connection, tokens), *_of_strangers(connection, tokens, mode)]


def import_tokens(connection: sa.Connection, tokens: Sequence[NewToken], seeds: SeedBox, mode: str) -> None:
    """Adds them all; there must be no obstacles. A token that names a user becomes that user's last device."""
    known = _users_by_name(connection)
    last = sa.select(device_users.c.user_id, sa.func.max(device_users.c.position)).group_by(device_users.c.user_id)
    positions = Counter({row[0]: row[1] for row in connection.execute(last)})
    now = time.time()
    rows, links = [], []
    for token in tokens:
        row = _row(token, seeds, now)
        rows.append(row)
        if token.username:
            user_id = known[normalize(token.username, mode)]
            positions[user_id] += 1
            links.append({"user_id": user_id, "device_id": row["id"], "position": positions[user_id]})
    if rows:
        connection.execute(devices.insert(), rows)
    if links:
        connection.execute(device_users.insert(), links)


def _users_by_name(connection: sa.Connection) -> dict[str, str]:
    return {row.username: row.id for row in connection.execute(sa.select(users.c.username, users.c.id))}


def _row(token: NewToken, seeds: SeedBox, now: float) -> dict[str, str | int | float | bytes]:
    token_id = new_id("DH")
    return {
        "id": token_id,
        "kind": token.kind,
        "origin": "hardware",
        "serial": token.serial,
        "digits": token.digits,
        "step": token.step,
        "algorithm": token.algorithm,
        "seed": seeds.encrypt(token_id, token.seed),
        "counter": token.counter,
        "created": now,
    }


def _repeated(connection: sa.Connection, tokens: Sequence[NewToken]) -> list[BadRow]:
    present = {(token.serial, token.type) for token in list_tokens(connection)}
    seen: dict[tuple[str, str], int] = {}
    bad = []
    for token in tokens:
        key = (token.serial, _TYPE_OF[token.kind, token.digits])
        if key in present:
            bad.append(BadRow(token.line, f"there is a token {token.serial} of type {key[1]} already"))
        elif key in seen:
            bad.append(BadRow(token.line, f"{token.serial} of type {key[1]} is in line {seen[key]} already"))
        seen.setdefault(key, token.line)
    return bad


def _of_strangers(connection: sa.Connection, tokens: Sequence[NewToken], mode: str) -> list[BadRow]:
    known = _users_by_name(connection)
    return [
        BadRow(token.line, f"there is no user {token.username!r}")
        for token in tokens
        if token.username and normalize(token.username, mode) not in known
    ]


# ---------------------------------------------------------------- tokens that ran away


def resync_token(
    connection: sa.Connection, token: Token, codes: Sequence[str], seeds: SeedBox, now: float
) -> Token:
    """Finds where a token is by two codes that it showed one after the other; both are used up by that.

    ``now``: epoch seconds, while the second code is shown. Raises BadValue, NotDone, SecretError.
    """
    if token.kind == "yubikey":
        raise BadValue(f"token {token.serial} is a YubiKey: it can't run away")
    shown = ["".join(code.split()) for code in codes]
    if not all(passcode.is_code(code) and len(code) == token.digits for code in shown):
        raise BadValue(f"{_IN_WORDS.get(len(shown), len(shown))} codes of {token.digits} digits are wanted")
    seed = seeds.decrypt(token.id, token.seed)
    if token.kind == "hotp":
        _resync_counter(connection, token, seed, shown)
    else:
        _resync_clock(connection, token, seed, shown, now)
    return find_token(connection, token.serial, token.type)


def _resync_counter(connection: sa.Connection, token: Token, seed: bytes, codes: Sequence[str]) -> None:
    found = passcode.resynchronize(seed, codes, token.counter, token.digits, token.algorithm, RESYNC_CODES)
    if found is None:
        raise NotDone(
            f"these are no two successive codes among the next {RESYNC_CODES} of token {token.serial}; "
            "codes from before its last login are used up"
        )
    connection.execute(devices.update().where(devices.c.id == token.id).values(counter=found + 1))


def _resync_clock(connection: sa.Connection, token: Token, seed: bytes, codes: Sequence[str], now: float) -> None:
    today = passcode.step_at(now, token.step)
    reach = RESYNC_SECONDS // token.step
    first = max(today - reach, 0 if token.last_step is None else token.last_step + 1)
    count = today + reach - first + 1
    found = passcode.resynchronize(seed, codes, first, token.digits, token.algorithm, count)
    if found is None:
        raise NotDone(
            f"these are no two successive codes of token {token.serial} within {RESYNC_SECONDS // 3600} hours of "
            "now; codes from before its last login are used up"
        )
    change = devices.update().where(devices.c.id == token.id).values(last_step=found, drift=found - today)
    connection.execute(change)
