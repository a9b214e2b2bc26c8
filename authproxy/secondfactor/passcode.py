"""One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238). Pure.

Matching tells which counter or step it was, so that a code can be used up.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence

_pack = struct.Struct(">Q").pack
_SHORTEST, _LONGEST = 6, 8
_MODULI = {digits: 10**digits for digits in range(_SHORTEST, _LONGEST + 1)}
RESYNC_RANGE = 100


def is_code(text: str) -> bool:
    """Whether it is 6 to 8 ASCII digits: what a token shows."""
    return _SHORTEST <= len(text) <= _LONGEST and text.isascii() and text.isdigit()


def hotp(key: bytes, counter: int, digits: int = 6, algorithm: str = "sha1") -> str:
    """The code of a counter (RFC 4226 5.3). ``algorithm``: sha1, sha256, sha512. Seeds of any length."""
    digest = hmac.digest(key, _pack(counter), algorithm)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % _MODULI[digits]).zfill(digits)


def step_at(now: float, step: int) -> int:
    """The TOTP step of a moment (RFC 6238 4.2). ``now``: epoch seconds; ``step``: seconds."""
    return int(now // step)


def match_near(
    key: bytes, code: str, center: int, reach: int, digits: int = 6, algorithm: str = "sha1"
) -> int | None:
    """The counter or step within ``reach`` of ``center`` that the code belongs to, the nearest first; or None."""
    if len(code) != digits or not code.isascii():
        return None
    if _is(key, code, center, digits, algorithm):
        return center
    for distance in range(1, reach + 1):
        if distance <= center and _is(key, code, center - distance, digits, algorithm):
            return center - distance
        if _is(key, code, center + distance, digits, algorithm):
            return center + distance
    return None


def match_from(
    key: bytes, code: str, first: int, count: int, digits: int = 6, algorithm: str = "sha1"
) -> int | None:
    """The counter among ``count`` from ``first`` on that the code belongs to, or None."""
    if len(code) != digits or not code.isascii():
        return None
    for counter in range(max(first, 0), first + count):
        if _is(key, code, counter, digits, algorithm):
            return counter
    return None


def resynchronize(
    key: bytes,
    codes: Sequence[str],
    first: int,
    digits: int = 6,
    algorithm: str = "sha1",
    count: int = RESYNC_RANGE,
) -> int | None:
    """Finds two or more codes shown one after the other among ``count`` from ``first`` on.

    The counter (or step) of the last: everything up to it is used up. None if they aren't there.
    """
    one, *others = codes
    if not all(is_code(code) for code in codes):
        return None
    begin = first
    while (found := match_from(key, one, begin, first + count - begin, digits, algorithm)) is not None:
        following = enumerate(others, found + 1)
        if all(match_from(key, code, at, 1, digits, algorithm) is not None for at, code in following):
            return found + len(others)
        begin = found + 1
    return None


def _is(key: bytes, code: str, counter: int, digits: int, algorithm: str) -> bool:
    return hmac.compare_digest(hotp(key, counter, digits, algorithm), code)
