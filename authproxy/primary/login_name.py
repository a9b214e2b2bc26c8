"""The name as a user typed it, taken apart: ``name``, ``DOMAIN\\name``, or ``name@domain``."""

from __future__ import annotations

from authproxy.value import value

_MAX_LENGTH = 1024  # bytes


@value
class LoginName:
    """``account`` is what stands behind the backslash, with the ``@domain`` if there is one; ``realm`` is what
    stands before the backslash, in lower case."""

    account: str
    realm: str = ""

    @property
    def has_at(self) -> bool:
        return "@" in self.account

    @property
    def before_at(self) -> str:
        """``user`` of ``user@domain``."""
        return self.account.rpartition("@")[0]

    @property
    def behind_at(self) -> str:
        """``domain`` of ``user@domain``, in lower case."""
        return self.account.rpartition("@")[2].casefold() if self.has_at else ""


def parse(typed: str) -> LoginName | None:
    """None for a name that nobody can have."""
    realm, slash, rest = typed.partition("\\")
    name = LoginName(rest, realm.casefold()) if slash else LoginName(typed)
    try:
        size = len(name.account.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return None
    return name if 0 < size <= _MAX_LENGTH else None
