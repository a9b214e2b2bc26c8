"""Directories that users come from, as administrators set them up. Every function works in the transaction that it
is handed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.roster import DEFAULT_ATTRIBUTES, FIELDS, Cursor, Kind, Source
from authproxy.store.tables import directories, users

SHORTEST_INTERVAL: Final = 300
_LONGEST_NAME: Final = 100
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+")  # RFC 4512 1.4
_REGION = re.compile(r"[A-Z]{2}")
_SEVERAL: Final = ("phone", "aliases")
_READ_AGAIN: Final = ("kind", "client", "base_dn", "group_dns", "filter", "attributes", "region", "adopts")


@dataclass(frozen=True, slots=True)
class Directory:
    """``client``: the ``[ad_client]`` section that says how to reach it. ``attributes``: field to attribute, some
    to several with commas between; other fields have the kind's own. ``region``: whose telephone numbers are
    without a country's, as ``DE``. ``interval`` in seconds, ``shrink_limit`` in percent. ``adopts``: users of the
    same name who were here before become the directory's."""

    name: str
    kind: str = Kind.ACTIVE_DIRECTORY
    client: str = "ad_client"
    base_dn: str = ""
    group_dns: tuple[str, ...] = ()
    filter: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    adopts: bool = False
    is_enabled: bool = True
    interval: int = 86_400
    sends_invitations: bool = False
    shrink_limit: int = 20
    id: str = ""
    created: float = 0.0

    def attribute_of(self, name: str) -> str:
        """Empty: the field is not taken from the directory."""
        return self.attributes.get(name, DEFAULT_ATTRIBUTES[Kind(self.kind)].get(name, ""))

    def source(self) -> Source:
        """As whoever reads it wants it."""
        names = {name: _several(self.attribute_of(name)) for name in FIELDS}
        return Source(
            Kind(self.kind),
            self.base_dn,
            self.group_dns,
            self.filter,
            {name: attributes for name, attributes in names.items() if attributes},
        )

    def settings(self) -> dict[str, JsonValue]:
        """What an administrator chose, for the audit log."""
        row = _row(self)
        return {**row, "group_dns": list(self.group_dns), "attributes": dict(self.attributes)}


def add_directory(connection: sa.Connection, directory: Directory) -> Directory:
    """Raises BadValue, AlreadyThere."""
    check_directory(directory)
    values = {**_row(directory), "id": new_id("DC"), "created": time.time()}
    _check_name(connection, directory.name, "")
    connection.execute(directories.insert().values(**values))
    return find_directory(connection, str(values["id"]))


def change_directory(connection: sa.Connection, old: Directory, new: Directory) -> Directory:
    """What decides who is read makes the next sync a full one. Raises BadValue, AlreadyThere."""
    check_directory(new)
    _check_name(connection, new.name, old.id)
    before, values = _row(old), _row(new)
    if any(before[name] != values[name] for name in _READ_AGAIN):
        values["cursor"] = "{}"
    connection.execute(directories.update().where(directories.c.id == old.id).values(**values))
    return find_directory(connection, old.id)


def delete_directory(connection: sa.Connection, directory: Directory) -> None:
    """With its runs. Its users and groups stay as they are, as if they had been added here."""
    connection.execute(directories.delete().where(directories.c.id == directory.id))


def find_directory(connection: sa.Connection, name: str) -> Directory:
    """By name or ID. Raises NotFound."""
    wanted = sa.or_(directories.c.name == name.strip(), directories.c.id == name.strip())
    row = connection.execute(_QUERY.where(wanted)).first()
    if row is None:
        raise NotFound(f"there is no directory {name!r}; `authproxy sync list` shows all")
    return _directory(row)


def list_directories(connection: sa.Connection) -> list[Directory]:
    """By name. There are few."""
    return [_directory(row) for row in connection.execute(_QUERY.order_by(directories.c.name))]


def users_of(connection: sa.Connection, directory: Directory) -> int:
    """How many it lists now."""
    theirs = sa.and_(users.c.directory_id == directory.id, users.c.left_directory.is_(None))
    return int(connection.execute(sa.select(sa.func.count()).select_from(users).where(theirs)).scalar_one())


def cursor_of(connection: sa.Connection, directory: Directory) -> Cursor:
    text = connection.execute(sa.select(directories.c.cursor).where(directories.c.id == directory.id)).scalar()
    found = json.loads(text or "{}")
    return found if isinstance(found, dict) else {}


def set_cursor(connection: sa.Connection, directory: Directory, cursor: Cursor) -> None:
    """Not if the directory was changed meanwhile: then it has to be read again."""
    now = find_directory(connection, directory.id)
    if _row(now) == _row(directory):
        where = directories.c.id == directory.id
        connection.execute(directories.update().where(where).values(cursor=json.dumps(dict(cursor))))


# ---------------------------------------------------------------- what may be stored


def check_directory(directory: Directory) -> None:
    """Raises BadValue."""
    name = directory.name
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise BadValue(f"{name[:_LONGEST_NAME]!r} is no name of a directory")
    if directory.kind not in list(Kind):
        raise BadValue(f"{directory.kind!r} is no kind of directory; wanted {', '.join(Kind)}")
    if not directory.client.strip():
        raise BadValue("a directory needs the name of an [ad_client] section")
    if directory.interval and directory.interval < SHORTEST_INTERVAL:
        raise BadValue(f"the interval is {SHORTEST_INTERVAL} seconds or more, or 0 for never")
    if not 0 <= directory.shrink_limit <= 100:
        raise BadValue("the shrink limit is 0 to 100 percent")
    if directory.region and not _REGION.fullmatch(directory.region):
        raise BadValue(f"{directory.region!r} is no country; wanted two letters, as in US")
    if directory.filter and not (directory.filter.startswith("(") and directory.filter.endswith(")")):
        raise BadValue(f"{directory.filter!r} is no LDAP filter; wanted one in parentheses, as in (title=*)")
    _check_attributes(directory)


def _check_attributes(directory: Directory) -> None:
    for taken, text in directory.attributes.items():
        if taken not in FIELDS:
            raise BadValue(f"{taken!r} can't be taken from a directory; wanted {', '.join(FIELDS)}")
        names = _several(text)
        if len(names) > 1 and taken not in _SEVERAL:
            raise BadValue(f"{taken} has one attribute only")
        for name in names:
            if not _ATTRIBUTE.fullmatch(name):
                raise BadValue(f"{name!r} is no name of an attribute")
    if not directory.attribute_of("username"):
        raise BadValue("username needs an attribute")


def _several(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _check_name(connection: sa.Connection, name: str, own_id: str) -> None:
    others = sa.and_(directories.c.name == name, directories.c.id != own_id)
    if connection.execute(sa.select(directories.c.id).where(others)).first() is not None:
        raise AlreadyThere(f"there is a directory {name!r} already")


# ---------------------------------------------------------------- as it is stored

_FIELDS: Final = tuple(Directory.__dataclass_fields__)
_QUERY = sa.select(*(directories.c[name] for name in _FIELDS))
_FLAGS: Final = ("adopts", "is_enabled", "sends_invitations")


def _row(directory: Directory) -> dict[str, JsonValue]:
    row: dict[str, Any] = {name: getattr(directory, name) for name in _FIELDS if name not in ("id", "created")}
    row |= {name: int(row[name]) for name in _FLAGS}
    return row | {
        "kind": str(directory.kind),
        "group_dns": json.dumps(list(directory.group_dns)),
        "attributes": json.dumps(dict(directory.attributes), sort_keys=True),
    }


def _directory(row: sa.Row[Any]) -> Directory:
    values = dict(row._mapping)
    values |= {name: bool(values[name]) for name in _FLAGS}
    values |= {
        "group_dns": tuple(json.loads(values["group_dns"])),
        "attributes": json.loads(values["attributes"]),
    }
    return Directory(**values)
