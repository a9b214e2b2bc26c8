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
class Locations:
    """Of IP addresses as text. ``place``: ``Berlin, Germany``; ``country``: ``DE`` (ISO 3166-1). Both are empty
    where it is not known."""

    place: Callable[[str], str] = nowhere
    country: Callable[[str], str] = nowhere


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
    return Locations(partial(_place, reader), partial(_country, reader))


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
    found = _found(reader, address)
    names = [_name(found, part) for part in ("city", "country")]
    return ", ".join(name for name in names if name)


def _name(found: Any, part: str) -> str:
    try:
        return str(found[part]["names"]["en"])
    except (KeyError, TypeError):
        return ""
