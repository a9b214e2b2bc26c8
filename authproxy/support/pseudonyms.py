"""People's names, and addresses if wished, as keyed hashes.

One name is one pseudonym in a whole bundle, and in the next one of the same site: a login can be followed without
telling whose it was.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

_TOKEN = re.compile(r"[^\s\"',;:=()\[\]{}<>|/]+")
_MAIL = re.compile(r"\b[\w.+%'-]+@(?=[\w-]+(?:\.[\w-]+)+)")
_RDN = re.compile(r"(?i)(?<![\w-])(cn|uid|samaccountname|userprincipalname|mail)=((?:\\.|[^,+\\\"'\n])+)")
_NUMBER = re.compile(r"(?<![\w.:+-])\+[0-9]{7,15}\b")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w])"
)
_LINE_NAME = re.compile(r"(?m)(?<=\] )(\[\w+\] )?([\w.-]+: )(.+?)( from \S+: )")
_USERNAME = re.compile(r"(\busername )(\S+)")


class Pseudonyms:
    """``key``: secret of the site. ``names``: those to look for in free text, in any case; a name that was typed
    with its domain keeps the domain. ``hides_addresses``: IP addresses, too, but for those of loopback."""

    def __init__(self, key: bytes, names: Iterable[str] = (), hides_addresses: bool = False) -> None:
        self._key = key
        self._hides_addresses = hides_addresses
        self._names: set[str] = set()
        self._phrases: re.Pattern[str] | None = None
        self.learn(names)

    def learn(self, names: Iterable[str]) -> None:
        """More names to look for."""
        bare = {_account(name).casefold() for name in names}
        self._names |= {name for name in bare if len(name) > 1}
        odd = sorted((name for name in self._names if not _TOKEN.fullmatch(name)), key=len, reverse=True)
        pattern = "|".join(map(re.escape, odd))
        self._phrases = re.compile(rf"(?i)(?<!\w)(?:{pattern})(?!\w)") if odd else None

    def learn_from(self, log: str) -> None:
        """The names of those whose logins a log tells of, also of who only tried."""
        self.learn(
            {found[3] for found in _LINE_NAME.finditer(log)} | {found[2] for found in _USERNAME.finditer(log)}
        )

    def of(self, name: str) -> str:
        """``CORP\\alice`` to ``CORP\\user-...``, ``alice@example.test`` to ``user-...@example.test``."""
        account = _account(name)
        if not account:
            return name
        return name.replace(account, f"user-{self._hash(account.casefold())}", 1)

    def __call__(self, text: str) -> str:
        text = _LINE_NAME.sub(lambda found: f"{found[1] or ''}{found[2]}{self.of(found[3])}{found[4]}", text)
        text = _USERNAME.sub(lambda found: found[1] + self.of(found[2]), text)
        text = _RDN.sub(lambda found: f"{found[1]}={self._once(found[2])}", text)
        text = _MAIL.sub(lambda found: self._once(found[0][:-1]) + "@", text)
        text = _NUMBER.sub(lambda found: f"phone-{self._hash(found[0])}", text)
        return self.in_configuration(text)

    def in_configuration(self, text: str) -> str:
        """Known names and addresses alone: service accounts and groups of a configuration stay readable."""
        if self._phrases is not None:
            text = self._phrases.sub(lambda found: self.of(found[0]), text)
        text = _TOKEN.sub(self._token, text)
        return _ADDRESS.sub(self._address, text) if self._hides_addresses else text

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        bare = token.rstrip(".")
        if _account(bare).casefold() in self._names:
            return self.of(bare) + token[len(bare) :]
        return token

    def _once(self, name: str) -> str:
        return name if name.startswith("user-") else self.of(name)

    def _address(self, found: re.Match[str]) -> str:
        try:
            address: IPv4Address | IPv6Address = ip_address(found[0])
        except ValueError:
            return found[0]
        if address.is_loopback or address.is_unspecified:
            return found[0]
        return f"ip{address.version}-{self._hash(address.compressed)}"

    def _hash(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256")
        return b32encode(digest[:5]).decode().lower()


def _account(name: str) -> str:
    """The name without its domain."""
    return name.rpartition("\\")[2].partition("@")[0].strip()
