"""Rows of a token maker's file: what each hardware token is, and its seed. Pure.

A secret is hexadecimal if all of it is hexadecimal digits and their number is even, else base32. A seed in base32
that looks like hexadecimal (of 16 characters, one in six million) needs a column ``secret_base32``, or ``base32:``
before it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from authproxy.secondfactor.devices import check_step
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rows import BadRow, Columns, Row
from authproxy.secondfactor.yubikey import AES_KEY, PRIVATE_ID

COLUMNS: Final = Columns(
    required=(("serial",), ("type",), ("secret", "secret_hex", "secret_base32", "aes_key")),
    optional=("counter", "step", "username", "private_id"),
)
TYPES: Final = {
    "h6": ("hotp", 6),
    "h8": ("hotp", 8),
    "t6": ("totp", 6),
    "t8": ("totp", 8),
    "yk": ("yubikey", 0),
}
"""What it makes, and of how many digits."""

_LONGEST_SERIAL = 128
_SHORTEST_SEED, _LONGEST_SEED = 10, 128  # bytes; ten is the classic seed of 16 base32 characters
_LARGEST_COUNTER = 10**12
_DEFAULT_STEP = 30
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NewToken:
    """``counter``: the first that may be accepted; ``step`` in seconds; ``username`` as written, or empty.
    ``algorithm``: sha1, sha256 or sha512."""

    line: int
    serial: str
    kind: str
    digits: int
    seed: bytes = field(repr=False)
    counter: int
    step: int
    username: str
    algorithm: str = "sha1"


def read_tokens(rows: Iterable[Row]) -> tuple[list[NewToken], list[BadRow]]:
    """Checks each row by itself. ``rows`` have :data:`COLUMNS`."""
    good: list[NewToken] = []
    bad: list[BadRow] = []
    for line, row in rows:
        try:
            good.append(_read_token(line, row))
        except BadValue as error:
            bad.append(BadRow(line, str(error)))
    return good, bad


def _read_token(line: int, row: Mapping[str, str]) -> NewToken:
    kind, digits = _read_type(row["type"])
    if kind == "yubikey":
        return NewToken(
            line, checked_serial(row["serial"]), kind, digits, _yubikey_seed(row), 0, _DEFAULT_STEP,
            row.get("username", ""),
        )  # fmt: skip
    if row.get("private_id"):
        raise BadValue("only a YubiKey (type yk) has a private_id")
    counter = _read_number("counter", row.get("counter") or "0", _LARGEST_COUNTER)
    if counter and kind == "totp":
        raise BadValue("a time-based token has no counter")
    step = _read_number("step", row.get("step") or str(_DEFAULT_STEP), _LARGEST_COUNTER)
    check_step(step)
    return NewToken(
        line, checked_serial(row["serial"]), kind, digits, _find_seed(row), counter, step, row.get("username", "")
    )


def checked_row(token: NewToken) -> NewToken:
    """What another kind of file says, held to the same rules. Raises BadValue."""
    checked_serial(token.serial)
    check_step(token.step)
    _check_length(token.seed)
    if not 0 <= token.counter <= _LARGEST_COUNTER:
        raise BadValue(f"the counter is no number from 0 to {_LARGEST_COUNTER}")
    return token


def checked_serial(serial: str) -> str:
    """Raises BadValue."""
    if not serial or not serial.isprintable() or len(serial) > _LONGEST_SERIAL:
        raise BadValue(f"a serial of 1 to {_LONGEST_SERIAL} printable characters is wanted")
    return serial


def _read_type(word: str) -> tuple[str, int]:
    try:
        return TYPES[word.lower()]
    except KeyError:
        raise BadValue(f"the type is none of {', '.join(TYPES)}") from None


def _read_number(name: str, digits: str, largest: int) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(largest)) and int(digits) <= largest):
        raise BadValue(f"the {name} is no number from 0 to {largest}")
    return int(digits)


# ---------------------------------------------------------------- seeds: never part of a message


def _find_seed(row: Mapping[str, str]) -> bytes:
    if row.get("aes_key"):
        raise BadValue("only a YubiKey (type yk) has an aes_key")
    if "secret_hex" in row:
        return _read_seed(row["secret_hex"], _from_hex)
    if "secret_base32" in row:
        return _read_seed(row["secret_base32"], _from_base32)
    return read_secret(row.get("secret", ""))


def read_secret(text: str) -> bytes:
    """``hex:...``, ``base32:...``, or what it looks like; blanks and hyphens mean nothing. Raises BadValue."""
    form, colon, rest = text.partition(":")
    if not colon:
        return _read_seed(text, lambda seed: (_from_hex if _HEX.fullmatch(seed) else _from_base32)(seed))
    if form.lower() not in ("hex", "base32"):
        raise BadValue("what stands before the colon of the secret is neither hex nor base32")
    return _read_seed(rest, _from_hex if form.lower() == "hex" else _from_base32)


def _read_seed(text: str, decode: Callable[[str], bytes]) -> bytes:
    packed = re.sub(r"[\s-]", "", text)
    if not packed:
        raise BadValue("there is no secret")
    seed = decode(packed)
    _check_length(seed)
    return seed


def _check_length(seed: bytes) -> None:
    if not _SHORTEST_SEED <= len(seed) <= _LONGEST_SEED:
        raise BadValue(f"a secret of {len(seed)} bytes; wanted {_SHORTEST_SEED} to {_LONGEST_SEED}")


def _yubikey_seed(row: Mapping[str, str]) -> bytes:
    """Private ID and AES key, both hexadecimal."""
    key = row.get("aes_key") or row.get("secret_hex") or row.get("secret") or ""
    return _hex_of("private_id", row.get("private_id", ""), PRIVATE_ID) + _hex_of("aes_key", key, AES_KEY)


def _hex_of(name: str, text: str, length: int) -> bytes:
    packed = re.sub(r"[\s-]", "", text.removeprefix("hex:"))
    if len(packed) != 2 * length or not _HEX.fullmatch(packed):
        raise BadValue(f"the {name} of a YubiKey is {2 * length} hexadecimal digits")
    return bytes.fromhex(packed)


def _from_hex(packed: str) -> bytes:
    if not _HEX.fullmatch(packed):
        raise BadValue("the secret is not an even number of hexadecimal digits")
    return bytes.fromhex(packed)


def _from_base32(packed: str) -> bytes:
    bare = packed.rstrip("=")
    try:
        return base64.b32decode(bare + "=" * (-len(bare) % 8), casefold=True)
    except ValueError:
        raise BadValue("the secret is neither hexadecimal (an even number of digits) nor base32") from None
