"""Reading the people of a directory: all of them, who has changed since, or one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import ldap3
from ldap3.utils.conv import escape_filter_chars

from authproxy.directory.membership import Membership, read_membership
from authproxy.directory.position import Position, ad_position, stamp_position
from authproxy.directory.root import read_root
from authproxy.directory.schema import SCHEMAS, is_disabled, key_filter, key_text
from authproxy.directory.search import Found, entry, pages
from authproxy.secondfactor.roster import (
    NOBODY,
    Cursor,
    DirectoryProblem,
    Entry,
    Kind,
    Reading,
    Source,
    Unusable,
)

_LONGEST_VALUE = 4096  # characters


class LdapRoster:
    """A Roster on a connection. ``search_dn``: where people are when the source does not say."""

    def __init__(self, connection: ldap3.Connection, search_dn: str) -> None:
        self._connection = connection
        self._search_dn = search_dn

    def read(self, source: Source, cursor: Cursor) -> Reading:
        root = read_root(self._connection, source.kind)
        membership = self._membership(source, root)
        position = self._position(source.kind, root, cursor, membership)
        return self._reading(source, position.filter, membership, position)

    def find(self, source: Source, username: str, key: str) -> Reading:
        root = read_root(self._connection, source.kind)
        membership = self._membership(source, root)
        wanted = _by_name(source, username)
        if key:
            try:
                wanted = key_filter(source.kind, key)
            except ValueError as error:
                raise DirectoryProblem(f"{key!r} is no {SCHEMAS[source.kind].key}") from error
        reading = self._reading(source, wanted, membership, Position())
        return replace(reading, entries=self._one(source, reading.entries))

    def _one(self, source: Source, entries: Iterator[Entry | Unusable]) -> Iterator[Entry | Unusable]:
        """Whoever is missing where nobody is shown has not left. Raises DirectoryProblem."""
        found = False
        for each in entries:
            found = True
            yield each
        everybody = f"(&{SCHEMAS[source.kind].users}{source.filter})"
        if not found and not any(pages(self._connection, self._base(source), everybody, ["1.1"], page=1)):
            raise DirectoryProblem(NOBODY)

    def _base(self, source: Source) -> str:
        return source.base_dn or self._search_dn

    def _reading(self, source: Source, wanted: str, membership: Membership, position: Position) -> Reading:
        entries = self._entries(source, wanted, membership, position, tells_strangers=bool(wanted))
        return Reading(tuple(membership.groups), entries, not wanted, position.cursor)

    def _membership(self, source: Source, root: Found) -> Membership:
        if not source.group_dns:
            return Membership()
        default = root.values.get("defaultnamingcontext")
        contexts = [
            context.decode("utf-8", "replace") for context in default or root.values.get("namingcontexts", ())
        ]
        return read_membership(self._connection, source, contexts)

    def _position(self, kind: Kind, root: Found, cursor: Cursor, membership: Membership) -> Position:
        if kind is Kind.OPENLDAP:
            return stamp_position(cursor, membership.stamps)
        service = (root.first("dsServiceName") or b"").decode("utf-8", "replace")
        found = entry(self._connection, service, ["invocationId"]) if service else None
        invocation = key_text(kind, found.first("invocationId")) if found else ""
        return ad_position(cursor, invocation, root.first("highestCommittedUSN"), membership.stamps)

    def _entries(
        self, source: Source, wanted: str, membership: Membership, position: Position, *, tells_strangers: bool
    ) -> Iterator[Entry | Unusable]:
        """``tells_strangers``: also of people in no chosen group, who may have been in one."""
        schema = SCHEMAS[source.kind]
        mapped = {name for names in source.attributes.values() for name in names}
        attributes = sorted({schema.key, schema.stamp, *schema.user_more, *mapped})
        filter_ = f"(&{schema.users}{source.filter}{wanted})"
        for found in pages(self._connection, self._base(source), filter_, attributes):
            position.saw(found.first(schema.stamp))
            groups = membership.keys_of(found)
            is_member = bool(groups) or not source.group_dns
            if is_member or tells_strangers:
                yield _entry(source, found, groups, is_member)


def _by_name(source: Source, username: str) -> str:
    return f"({source.attributes['username'][0]}={escape_filter_chars(username)})"


def _entry(source: Source, found: Found, groups: tuple[str, ...], is_member: bool) -> Entry | Unusable:
    key = key_text(source.kind, found.first(SCHEMAS[source.kind].key))
    shown = found.dn.encode("utf-8", "replace").decode()
    if not key:
        return Unusable(shown, f"it shows no {SCHEMAS[source.kind].key}: may the service account read it?")
    oddities: list[str] = []
    values = {
        field: tuple(text for name in names for text in _texts(found, name, oddities))
        for field, names in source.attributes.items()
    }
    is_active = is_member and not is_disabled(found.first("userAccountControl"))
    return Entry(key, shown, values, groups, is_active, tuple(oddities))


def _texts(found: Found, name: str, oddities: list[str]) -> Sequence[str]:
    """Values that are text; the one that names the entry comes first."""
    texts: list[str] = []
    for value in found.values.get(name.lower(), ()):
        try:
            text = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            oddities.append(f"{name} is not UTF-8")
            continue
        if len(text) > _LONGEST_VALUE:
            oddities.append(f"{name} has {len(text)} characters")
        elif text:
            texts.append(text)
    begin = found.dn.lower()
    return sorted(texts, key=lambda text: not begin.startswith(f"{name}={text},".lower()))
