"""Passwords of administrators: argon2id (RFC 9106) with OWASP's least parameters, 19 MiB, two passes, one lane.

Hashing takes some 30 ms of one core: :meth:`Office.aside` is the place for it. Who asks for a mail address that
is nobody's has a password checked too, against a hash that nothing fits: the answer takes as long.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from authproxy.secondfactor.administrators import Administrator, normal_mail
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.wording import said
from authproxy.store.tables import administrators

SHORTEST: Final = 12
LONGEST: Final = 256
_FEWEST_CHARACTERS: Final = 5  # different ones
_COMMONEST: Final = Path(__file__).with_name("commonest_passwords.txt")
_NO_LETTERS = re.compile(r"[^a-z]+")
_AROUND = re.compile(r"^[^a-z]+|[^a-z]+$")
_SPELLED = str.maketrans("0134578@$!", "oieastbasi")
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS: Final = (  # of random bytes that were thrown away
    "$argon2id$v=19$m=19456,t=2,p=1$rDNsyHFgJWujZfuymKpgzA$RD/oazLa4QnYtcYLvimcGc4hdt1FBgh14RUjv7otBBc"
)


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """``hash`` None: none is set."""

    hash: str | None = field(repr=False)


def stored_password(connection: sa.Connection, email: str) -> StoredPassword:
    """Of whoever logs in with this address, if anybody does."""
    query = sa.select(administrators.c.password_hash).where(administrators.c.email == normal_mail(email))
    return StoredPassword(connection.execute(query).scalar_one_or_none())


def is_right(stored: StoredPassword, password: str) -> bool:
    """Slow, and equally so when there is none."""
    if len(password) > LONGEST:
        password = ""
    try:
        return _HASHER.verify(stored.hash or _NOBODYS, _normal(password)) and stored.hash is not None
    except (VerificationError, InvalidHashError):
        return False


def hashed(password: str) -> str:
    """Slow. As it is stored."""
    return _HASHER.hash(_normal(password))


def set_password(connection: sa.Connection, admin: Administrator, password_hash: str, now: float) -> None:
    change = administrators.update().where(administrators.c.id == admin.id)
    connection.execute(change.values(password_hash=password_hash, password_changed=now))


def check_choice(password: str, admin: Administrator) -> None:
    """Raises BadValue, with what is wrong about a password that the administrator would like to have."""
    if len(password) < SHORTEST:
        raise BadValue(f"a password needs at least {SHORTEST} characters; several words are easy to remember")
    if len(password) > LONGEST:
        raise BadValue(f"a password can't have more than {LONGEST} characters")
    small = _normal(password).lower()
    if not any(character.isalpha() for character in small):
        raise BadValue(said("a password of digits and signs alone is guessed too soon; use words"))
    if len(set(small)) < _FEWEST_CHARACTERS:
        raise BadValue(said("this password has too few different characters"))
    if _cores(small) & (_commonest() | _known_of(admin)):
        raise BadValue(said("this password is among the first that somebody would try; take another"))


def _known_of(admin: Administrator) -> frozenset[str]:
    """Words that who knows the administrator would try."""
    local, _, domain = admin.email.partition("@")
    words = (local, domain, admin.email, admin.name.lower(), *admin.name.lower().split())
    return frozenset(_NO_LETTERS.sub("", word) for word in words) - {""}


def _cores(small: str) -> frozenset[str]:
    """The words that a password is made of once, if digits and signs are around it or instead of letters."""
    spelled = _AROUND.sub("", small).translate(_SPELLED)
    return frozenset(_once(_NO_LETTERS.sub("", text)) for text in (small, spelled))


def _once(word: str) -> str:
    half = len(word) // 2
    return word[:half] if word[:half] == word[half:] else word


@cache
def _commonest() -> frozenset[str]:
    """What lists of leaked passwords are full of, without the digits and signs."""
    return frozenset(_COMMONEST.read_text("ascii").split())


def _normal(password: str) -> str:
    """The same however a keyboard makes its letters (NIST SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
