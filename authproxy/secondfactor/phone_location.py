"""Where an IP address is, from a GeoIP database (MaxMind DB format) if there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from authproxy.errors import ConfigError


class Reads(Protocol):
    def get(self, ip_address: Any, /) -> Any: ...


def nowhere(_address: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Location:
    """Names in English; empty where it is not known. ``state``: the largest part of the country."""

    city: str = ""
    state: str = ""
    country: str = ""


def no_location(_address: str) -> Location:
    return Location()


@dataclass(frozen=True, slots=True)
class Locations:
    """Of IP addresses as text. ``place``: ``Berlin, Germany``; ``country``: ``DE`` (ISO 3166-1). Both are empty
    where it is not known. ``location``: the same in parts."""

    place: Callable[[str], str] = nowhere
    country: Callable[[str], str] = nowhere
    location: Callable[[str], Location] = no_location


def open_locations(file: Path | None) -> Locations:
    """Raises ConfigError."""
    if file is None:
        return Locations()
    try:
        import maxminddb
    except ImportError:
        raise ConfigError("geoip_file needs the package maxminddb: pip install maxminddb") from None
    try:
        reader: Reads = maxminddb.open_database(str(file), maxminddb.MODE_MEMORY)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigError(f"geoip_file {file}: {error}") from None
    return Locations(partial(_place, reader), partial(_country, reader), partial(_location, reader))


def _country(reader: Reads, address: str) -> str:
    try:
        return str(_found(reader, address)["country"]["iso_code"])
    except (KeyError, TypeError):
        return ""


def _found(reader: Reads, address: str) -> Any:
    try:
        return reader.get(ip_address(address))
    except (ValueError, TypeError):
        return None


def _place(reader: Reads, address: str) -> str:
    found = _location(reader, address)
    return ", ".join(name for name in (found.city, found.country) if name)


def _location(reader: Reads, address: str) -> Location:
    found = _found(reader, address)
    return Location(_name(found, "city"), _name(found, "subdivisions", 0), _name(found, "country"))


def _name(found: Any, *path: str | int) -> str:
    try:
        for key in path:
            found = found[key]
        return str(found["names"]["en"])
    except (LookupError, TypeError):
        return ""
