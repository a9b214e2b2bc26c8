"""What comes of a ceremony of WebAuthn, and how strict it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from authproxy.secondfactor.security_keys import SecurityKey
from authproxy.secondfactor.wording import said


class UserVerification(StrEnum):
    """Whether a key has to make sure who touches it (by PIN, finger, face), as a policy says."""

    REQUIRED = "required"
    PREFERRED = "preferred"
    DISCOURAGED = "discouraged"


class Why(StrEnum):
    """Why a key has not proved anything; :attr:`sentence` is the English text for its user."""

    EXPIRED = "the challenge is unknown, used or expired"
    GARBAGE = "the browser's answer can't be read"
    ORIGIN = "the answer was made for another site"
    FRAME = "the answer was made in a frame of another site"
    NOT_VERIFIED = "the key did not verify its user"
    INVALID = "the answer does not prove anything"
    FOREIGN = "the key is none of this owner's"
    TAKEN = "the key is registered already"
    COUNTER = "the key's signature counter did not rise: it may have been copied"
    UNFIT = "there is no room for another key, or its name can't be"

    @property
    def sentence(self) -> str:
        return _SENTENCES.get(self, _NOT_CHECKED)


_NOT_CHECKED: Final = said("The security key could not be checked. Please try again.")
_SENTENCES: Final = {
    Why.EXPIRED: said("That took too long. Please try again."),
    Why.NOT_VERIFIED: said(
        "Your security key has to check its PIN, your fingerprint or your face. Please try again."
    ),
    Why.FOREIGN: said("This security key is not one of yours."),
    Why.TAKEN: said("This security key is registered already."),
    Why.COUNTER: said("This security key can't be trusted any more. Ask your help desk."),
    Why.UNFIT: said("The key can't be kept: choose a shorter name, or delete another security key first."),
}


@dataclass(frozen=True, slots=True)
class Registered:
    key: SecurityKey


@dataclass(frozen=True, slots=True)
class Proven:
    key: SecurityKey
    is_user_verified: bool


@dataclass(frozen=True, slots=True)
class NotProven:
    """``detail``: what the library said, for the log."""

    why: Why
    detail: str = ""
