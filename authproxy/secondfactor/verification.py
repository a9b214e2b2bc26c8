"""Is this code right, and is it used for the first time? One job on the database, in its own transaction.

A code counts as accepted only when a conditional UPDATE changed a row: of any number of attempts at once, in any
number of processes, exactly one sees that. The caller learns of it after the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.errors import SecretError
from authproxy.secondfactor import passcode, sms_codes, yubikey
from authproxy.secondfactor.account import Account, Device
from authproxy.secondfactor.policy_sections import BYPASS_CODE, HARDWARE_TOKEN, PASSCODE, SMS
from authproxy.secondfactor.sms_codes import SmsFinding
from authproxy.store.statements import Connection, Parameters, compiled
from authproxy.store.tables import bypass_codes, devices
from authproxy.value import value

_FAR_STEPS = 20  # how far off a wrong code is still explained, either side
_FAR_CODES = 100


class Seals(Protocol):
    """Keeps what must not be readable in the database."""

    def decrypt(self, device_id: str, blob: bytes) -> bytes:
        """The seed of a device. Raises SecretError."""
        ...

    def code_hash(self, user_id: str, code: str) -> bytes:
        """The keyed hash under which a code is stored."""
        ...


@value
class Right:
    """Accepted, and used up. ``factor``: ``passcode``, ``hardware token``, ``SMS passcode``, ``bypass code``."""

    factor: str
    device: str = ""


@value
class Used:
    """It was right, but not for the first time."""

    detail: str


@value
class Wrong:
    """It counts toward a lockout. ``detail`` is for the help desk."""

    detail: str


Finding = Right | Used | Wrong


@value
class Attempt:
    """A code as typed. ``tokens``: whether codes of devices and messages may be used here; bypass codes always
    may, as they are the help desk's remedy. ``but``: kinds of codes that a policy leaves out, as
    ``policy_sections`` names them."""

    code: str = field(repr=False)
    now: float
    tokens: bool
    totp_window: int
    hotp_window: int
    but: frozenset[str] = frozenset()

    def counts(self, kind: str) -> bool:
        return kind not in self.but


_USE_STEP = compiled(
    devices.update()
    .where(
        devices.c.id == bindparam("device_id"),
        sa.or_(devices.c.last_step.is_(None), devices.c.last_step < bindparam("used")),
    )
    .values(last_step=bindparam("used"), drift=bindparam("ahead"), last_used=bindparam("now"))
)
_USE_COUNTER = compiled(
    devices.update()
    .where(devices.c.id == bindparam("device_id"), devices.c.counter <= bindparam("used"))
    .values(counter=bindparam("following"), last_used=bindparam("now"))
)
_USE_BYPASS = compiled(
    bypass_codes.update()
    .where(
        bypass_codes.c.user_id == bindparam("owner"),
        bypass_codes.c.hash == bindparam("code_hash"),
        sa.or_(bypass_codes.c.uses_left.is_(None), bypass_codes.c.uses_left > sa.literal_column("0")),
        sa.or_(bypass_codes.c.expires.is_(None), bypass_codes.c.expires > bindparam("now")),
    )
    .values(uses_left=bypass_codes.c.uses_left - sa.literal_column("1"))
)
_FIND_BYPASS = compiled(
    sa.select(bypass_codes.c.uses_left, bypass_codes.c.expires).where(
        bypass_codes.c.user_id == bindparam("owner"), bypass_codes.c.hash == bindparam("code_hash")
    )
)


def verify(connection: Connection, account: Account, attempt: Attempt, seals: Seals) -> Finding:
    """Tries the code on every device of the user, then as a bypass code."""
    used: Used | None = None
    broken = ""
    is_otp = yubikey.is_otp(attempt.code)
    is_token_code = is_otp or passcode.is_code(attempt.code)
    if is_token_code and attempt.tokens:
        for device in account.devices:
            if (device.kind == "yubikey") != is_otp:
                continue
            if not attempt.counts(HARDWARE_TOKEN if device.origin == "hardware" else PASSCODE):
                continue
            try:
                seed = seals.decrypt(device.id, device.seed)
            except SecretError as error:
                broken = f"{device.label}: {error}"
                continue
            finding = _try_device(connection, device, seed, attempt)
            if isinstance(finding, Right):
                return finding
            used = used or finding
    message = None
    if len(attempt.code) == sms_codes.DIGITS and attempt.tokens and attempt.counts(SMS):
        message = _try_sms(connection, account, attempt, seals)
        if isinstance(message, Right):
            return message
    bypass = _try_bypass(connection, account, attempt, seals) if attempt.counts(BYPASS_CODE) else None
    if isinstance(bypass, Right):
        return bypass
    known = used or message or bypass
    if known is not None:
        return known
    if broken:
        return Wrong(broken)  # other codes of the user's can still be guessed
    return Wrong(_explain(account, attempt, seals) if is_token_code else "no bypass code of the user")


def _try_device(connection: Connection, device: Device, seed: bytes, attempt: Attempt) -> Right | Used | None:
    if device.kind == "totp":
        return _try_totp(connection, device, seed, attempt)
    if device.kind == "yubikey":
        return _try_yubikey(connection, device, seed, attempt)
    return _try_hotp(connection, device, seed, attempt)


def _try_totp(connection: Connection, device: Device, seed: bytes, attempt: Attempt) -> Right | Used | None:
    today = passcode.step_at(attempt.now, device.step)
    # A token's clock can't be set: follow it, as RFC 6238 6 advises. A phone's is right, the user was just slow.
    center = today + device.drift if device.origin == "hardware" else today
    step = passcode.match_near(seed, attempt.code, center, attempt.totp_window, device.digits, device.algorithm)
    if step is None:
        return None
    row: Parameters = {"device_id": device.id, "used": step, "ahead": step - today, "now": attempt.now}
    if connection.execute(_USE_STEP, row).rowcount != 1:
        return Used(f"{device.label}: this code, or a later one, was already used")
    return _right(device)


def _try_hotp(connection: Connection, device: Device, seed: bytes, attempt: Attempt) -> Right | Used | None:
    ahead = attempt.hotp_window + 1
    counter = passcode.match_from(seed, attempt.code, device.counter, ahead, device.digits, device.algorithm)
    if counter is None:
        first = max(device.counter - ahead, 0)
        back = passcode.match_from(
            seed, attempt.code, first, device.counter - first, device.digits, device.algorithm
        )
        return None if back is None else Used(f"{device.label}: this code, or a later one, was already used")
    return _use_counter(connection, device, counter, attempt.now)


def _try_yubikey(connection: Connection, device: Device, seed: bytes, attempt: Attempt) -> Right | Used | None:
    counter = yubikey.counter_of(attempt.code, seed)
    return None if counter is None else _use_counter(connection, device, counter, attempt.now)


def _use_counter(connection: Connection, device: Device, counter: int, now: float) -> Right | Used:
    row: Parameters = {"device_id": device.id, "used": counter, "following": counter + 1, "now": now}
    if connection.execute(_USE_COUNTER, row).rowcount != 1:
        return Used(f"{device.label}: this code, or a later one, was already used")
    return _right(device)


def _right(device: Device) -> Right:
    """A token is told by its serial alone: that it is one stands before it."""
    if device.origin == "hardware":
        return Right("hardware token", device.name or device.serial or device.id)
    return Right("passcode", device.label)


def _try_sms(
    connection: Connection, account: Account, attempt: Attempt, seals: Seals
) -> Right | Used | Wrong | None:
    code_hash = seals.code_hash(account.id, sms_codes.hashed(attempt.code))
    match sms_codes.use_code(connection, account.id, code_hash, attempt.now):
        case SmsFinding.RIGHT:
            return Right("SMS passcode")
        case SmsFinding.USED:
            return Used("the SMS passcode was already used")
        case SmsFinding.EXPIRED:
            return Wrong("the SMS passcode has expired")
        case SmsFinding.UNKNOWN:
            return None


def _try_bypass(
    connection: Connection, account: Account, attempt: Attempt, seals: Seals
) -> Right | Used | Wrong | None:
    key: Parameters = {"owner": account.id, "code_hash": seals.code_hash(account.id, attempt.code)}
    if connection.execute(_USE_BYPASS, {**key, "now": attempt.now}).rowcount == 1:
        return Right("bypass code")
    row = connection.execute(_FIND_BYPASS, key).fetchone()
    if row is None:
        return None
    uses_left, _expires = row
    return Used("the bypass code was already used") if uses_left == 0 else Wrong("the bypass code has expired")


# ---------------------------------------------------------------- what the help desk wants to know


def _explain(account: Account, attempt: Attempt, seals: Seals) -> str:
    """Why a code of a token's form matched nothing. Only run for wrong codes: it costs 40 codes a device."""
    if not account.devices:
        return "the user has no device that makes codes"
    if not attempt.tokens:
        return "codes of tokens are not allowed here, and it is no bypass code of the user"
    return "; ".join(_near_misses(account, attempt, seals)) or "it belongs to no device of the user"


def _near_misses(account: Account, attempt: Attempt, seals: Seals) -> Iterator[str]:
    for device in account.devices:
        if device.kind == "yubikey":  # its codes are counted from any point on: there is no near miss
            continue
        try:
            seed = seals.decrypt(device.id, device.seed)
        except SecretError:
            continue
        if device.kind == "totp":
            today = passcode.step_at(attempt.now, device.step)
            step = passcode.match_near(seed, attempt.code, today, _FAR_STEPS, device.digits, device.algorithm)
            if step is not None:
                seconds = (step - today) * device.step
                which = "ahead" if seconds > 0 else "behind"
                yield f"right for another time step of {device.label}: its clock is {abs(seconds)} s {which}"
        else:
            first = device.counter + attempt.hotp_window + 1
            counter = passcode.match_from(seed, attempt.code, first, _FAR_CODES, device.digits, device.algorithm)
            if counter is not None:
                yield f"{device.label} is {counter - device.counter} codes ahead: resynchronize it"
