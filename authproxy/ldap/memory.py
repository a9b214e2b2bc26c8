"""A directory in memory: entries, who may bind as them, and what a search finds."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from authproxy.ldap import dn
from authproxy.ldap.dn import DnError, Key
from authproxy.ldap.matching import matches
from authproxy.ldap.requests import Scope, Search
from authproxy.ldap.responses import Code, Result

_NOBODY = b"{none}"
_HIDDEN = "userpassword"


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """``attributes`` by lower-case name; ``spelled`` gives each name as it was written."""

    dn: str
    key: Key
    attributes: Mapping[str, Sequence[bytes]]
    spelled: Mapping[str, bytes]
    passwords: Sequence[bytes] = field(default=(), repr=False)


class Entries:
    """Built from ``{dn: {attribute: values}}``. ``userPassword`` values are plain, ``{SHA}`` or ``{SSHA}``; they
    never leave. Raises DnError."""

    def __init__(self, entries: Mapping[str, Mapping[str, Sequence[str | bytes]]]) -> None:
        self._by_key: dict[Key, StoredEntry] = {}
        for name, attributes in entries.items():
            stored = _stored(name, attributes)
            self._by_key[stored.key] = stored

    def bind(self, name: bytes, password: bytes) -> Result:
        """An empty name or password is refused: nothing here is for anonymous eyes."""
        if not password:
            return Result(Code.UNWILLING_TO_PERFORM, message="a bind needs a password")
        entry = self._by_key.get(_key(name) or ())
        own = entry.passwords if entry is not None else ()
        found = sum(_is_password(stored, password) for stored in own or (_NOBODY,))  # looks at every one
        return Result(Code.SUCCESS if own and found else Code.INVALID_CREDENTIALS)

    def find(self, search: Search) -> tuple[Result, list[StoredEntry]]:
        base = _key(search.base)
        if base is None:
            return Result(Code.INVALID_DN_SYNTAX), []
        if base not in self._by_key:
            return Result(Code.NO_SUCH_OBJECT), []
        found: list[StoredEntry] = []
        for entry in self._in_scope(base, search.scope):
            if matches(search.which, entry.attributes):
                if 0 < search.size_limit <= len(found):
                    return Result(Code.SIZE_LIMIT_EXCEEDED), found
                found.append(entry)
        return Result(Code.SUCCESS), found

    def _in_scope(self, base: Key, scope: Scope) -> Iterator[StoredEntry]:
        if scope is Scope.BASE:
            yield self._by_key[base]
            return
        for key, entry in self._by_key.items():
            if dn.is_within(key, base) and (scope is Scope.SUBTREE or len(key) == len(base) + 1):
                yield entry


def _key(name: bytes) -> Key | None:
    try:
        return dn.key(name.decode("utf-8", "surrogateescape"))
    except DnError:
        return None


def _stored(name: str, attributes: Mapping[str, Sequence[str | bytes]]) -> StoredEntry:
    values = {kind: tuple(map(_bytes, many)) for kind, many in attributes.items()}
    lower = {kind.lower(): many for kind, many in values.items()}
    passwords = lower.pop(_HIDDEN, ())
    spelled = {kind.lower(): kind.encode() for kind in values}
    return StoredEntry(name, dn.key(name), lower, spelled, passwords)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _is_password(stored: bytes, password: bytes) -> bool:
    """In a time that does not depend on how much of it is right."""
    for scheme in (b"{SHA}", b"{SSHA}"):
        if stored.startswith(scheme):
            decoded = base64.b64decode(stored[len(scheme) :])
            digest = hashlib.sha1(password + decoded[20:], usedforsecurity=False).digest()
            return hmac.compare_digest(decoded[:20], digest)
    left, right = (hashlib.sha256(one).digest() for one in (stored, password))
    return hmac.compare_digest(left, right)
