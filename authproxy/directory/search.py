"""Searches that end: page by page (RFC 2696), and attributes that come in pieces (MS-ADTS 3.1.1.3.1.3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ldap3

from authproxy.directory.connection import explained
from authproxy.secondfactor.roster import DirectoryProblem

PAGE: Final = 500
EVERYTHING: Final = "(objectClass=*)"
_PAGED: Final = "1.2.840.113556.1.4.319"
_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT = 0, 4, 32
_RANGE: Final = re.compile(r"(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)")


@dataclass(frozen=True, slots=True)
class Found:
    """``values`` by the attribute's name in lower case, as the server sent them; never an empty list."""

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def first(self, name: str) -> bytes | None:
        return next(iter(self.values.get(name.lower(), ())), None)


def pages(
    connection: ldap3.Connection, base: str, filter_: str, attributes: Sequence[str], page: int = PAGE
) -> Iterator[Found]:
    """Everything below ``base``. Raises DirectoryProblem."""
    cookie: bytes | None = None
    while True:
        result, found = _ask(
            connection, base, filter_, ldap3.SUBTREE, attributes, paged_size=page, paged_cookie=cookie
        )
        yield from found
        control = (result.get("controls") or {}).get(_PAGED) or {}
        cookie = (control.get("value") or {}).get("cookie")
        if not cookie:
            return


def entry(connection: ldap3.Connection, dn: str, attributes: Sequence[str]) -> Found | None:
    """One entry by its name; None: there is none. Raises DirectoryProblem."""
    _result, found = _ask(connection, dn, EVERYTHING, ldap3.BASE, attributes, may_be_missing=True)
    return found[0] if found else None


def all_values(connection: ldap3.Connection, found: Found, name: str) -> Iterator[bytes]:
    """The values of an attribute, of which Active Directory sends 1,500 at a time. Raises DirectoryProblem."""
    name = name.lower()
    yield from found.values.get(name, ())
    piece: Found | None = found
    while piece is not None:
        key, last = _ranged(piece, name)
        if key is None:
            return
        yield from piece.values[key]
        if last == "*":
            return
        piece = entry(connection, found.dn, [f"{name};range={int(last) + 1}-*"])


def _ranged(found: Found, name: str) -> tuple[str | None, str]:
    for key in found.values:
        matched = _RANGE.fullmatch(key)
        if matched and matched["name"] == name:
            return key, matched["last"]
    return None, ""


def _ask(
    connection: ldap3.Connection,
    base: str,
    filter_: str,
    scope: str,
    attributes: Sequence[str],
    *,
    may_be_missing: bool = False,
    **more: Any,
) -> tuple[dict[str, Any], list[Found]]:
    try:
        _status, result, response, _request = connection.search(
            base, filter_, scope, attributes=list(attributes), **more
        )
        found = [_found(each) for each in response or () if each.get("type") == "searchResEntry"]
    except Exception as error:  # ldap3 lets out whatever its decoders meet, and what a server says is anything
        raise DirectoryProblem(f"reading {base or 'the root'!r}: {' '.join(str(error).split())}") from error
    if result["result"] == _NO_SUCH_OBJECT and may_be_missing:
        return result, []
    if result["result"] != _SUCCESS:
        hint = ": the service account may not read all of it" if result["result"] == _SIZE_LIMIT else ""
        raise DirectoryProblem(f"reading {base!r}: {explained(result)}{hint}")
    return result, found


def _found(response: Mapping[str, Any]) -> Found:
    values = {str(name).lower(): sent for name, sent in response["raw_attributes"].items() if sent}
    return Found(str(response["dn"]), values)
