"""Who is in the chosen groups: through groups in groups, however they are nested, even in circles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import ldap3

from authproxy.directory.schema import SCHEMAS, Schema, key_text, rid_of
from authproxy.directory.search import Found, all_values, entry, pages
from authproxy.ldap import dn
from authproxy.ldap.dn import DnError
from authproxy.secondfactor.roster import DirectoryProblem, Kind, RosterGroup, Source


@dataclass(slots=True)
class Membership:
    """Of each member a number whose bits stand for the chosen groups. Members are kept as hashes: a group may have
    a hundred thousand. ``stamps``: of every group that was looked at."""

    groups: list[RosterGroup] = field(default_factory=list)
    stamps: list[bytes] = field(default_factory=list)
    _by_dn: dict[bytes, int] = field(default_factory=dict)
    _by_name: dict[str, int] = field(default_factory=dict)
    _by_rid: dict[str, int] = field(default_factory=dict)

    def keys_of(self, person: Found) -> tuple[str, ...]:
        """The chosen groups that this person is in."""
        bits = self._by_dn.get(hashed(person.dn), 0)
        for uid in person.values.get("uid", ()):
            bits |= self._by_name.get(_text(uid), 0)
        primary = person.first("primaryGroupID")
        bits |= self._by_rid.get(_text(primary), 0) if primary else 0
        return tuple(group.key for at, group in enumerate(self.groups) if bits >> at & 1)

    def add(self, group: Found, schema: Schema, members: Iterable[bytes], bit: int) -> None:
        for member in members:
            key = hashed(_text(member))
            self._by_dn[key] = self._by_dn.get(key, 0) | bit
        for name in group.values.get(schema.member_names.lower(), ()):
            self._by_name[_text(name)] = self._by_name.get(_text(name), 0) | bit
        rid = rid_of(group.first("objectSid"))
        if rid:
            self._by_rid[rid] = self._by_rid.get(rid, 0) | bit


def read_membership(connection: ldap3.Connection, source: Source, contexts: Sequence[str]) -> Membership:
    """``contexts``: where groups may be. Raises DirectoryProblem, also if a chosen group is not there."""
    walk = _Walk(connection, source.kind, contexts)
    found = Membership()
    for at, name in enumerate(source.group_dns):
        found.groups.append(walk.through(name, found, 1 << at))
    return found


class _Walk:
    def __init__(self, connection: ldap3.Connection, kind: Kind, contexts: Sequence[str]) -> None:
        self._connection = connection
        self._kind = kind
        self._schema = SCHEMAS[kind]
        schema = self._schema
        self._attributes = (
            schema.key, schema.stamp, *schema.group_names, *schema.members, *schema.group_more,
            *((schema.member_names,) if schema.member_names else ()),
        )  # fmt: skip
        self._all_groups = {
            hashed(each.dn): each.dn
            for context in contexts
            for each in pages(connection, context, schema.groups, ["1.1"])
        }

    def through(self, name: str, membership: Membership, bit: int) -> RosterGroup:
        """From the group of that name down. Raises DirectoryProblem."""
        waiting, seen = [name], {hashed(name)}
        top: RosterGroup | None = None
        while waiting:
            group = entry(self._connection, waiting.pop(), self._attributes)
            if group is None and top is None:
                raise DirectoryProblem(f"there is no group {name!r}: was it renamed, moved or deleted?")
            if group is None:
                continue
            top = top or self._described(group)
            stamp = group.first(self._schema.stamp)
            membership.stamps += [stamp] if stamp else []
            members = list(self._members(group))
            membership.add(group, self._schema, members, bit)
            for member in members:
                key = hashed(_text(member))
                if key in self._all_groups and key not in seen:
                    seen.add(key)
                    waiting.append(self._all_groups[key])
        assert top is not None
        return top

    def _members(self, group: Found) -> Iterator[bytes]:
        for name in self._schema.members:
            yield from all_values(self._connection, group, name)

    def _described(self, group: Found) -> RosterGroup:
        """Raises DirectoryProblem."""
        names = (group.first(name) for name in self._schema.group_names)
        name = next((_text(each) for each in names if each), "")
        key = key_text(self._kind, group.first(self._schema.key))
        if not name.strip() or not key:
            raise DirectoryProblem(f"the group {group.dn!r} shows no {self._schema.key} or no name")
        return RosterGroup(key, " ".join(name.split()))


def hashed(name: str) -> bytes:
    """The same for every spelling of a DN."""
    try:
        parts = repr([sorted(rdn) for rdn in dn.key(name)])
    except DnError:
        parts = name.lower()
    return hashlib.blake2b(parts.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
