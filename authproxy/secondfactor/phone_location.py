"""Where an IP address is, from a GeoIP database (MaxMind DB format) if there is one."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from authproxy.errors import ConfigError


class Reads(Protocol):
    def get(self, ip_address: Any, /) -> Any: ...


def nowhere(_address: str) -> str:
    return ""


def open_locations(file: Path | None) -> Callable[[str], str]:
    """Of an IP address as text: ``Berlin, Germany``; empty where it is not known. Raises ConfigError."""
    if file is None:
        return nowhere
    try:
        import maxminddb
    except ImportError:
        raise ConfigError("geoip_file needs the package maxminddb: pip install maxminddb") from None
    try:
        reader: Reads = maxminddb.open_database(str(file), maxminddb.MODE_MEMORY)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigError(f"geoip_file {file}: {error}") from None
    return lambda address: _place(reader, address)


def _place(reader: Reads, address: str) -> str:
    try:
        found = reader.get(ip_address(address))
    except (ValueError, TypeError):
        return ""
    names = [_name(found, part) for part in ("city", "country")]
    return ", ".join(name for name in names if name)


def _name(found: Any, part: str) -> str:
    try:
        return str(found[part]["names"]["en"])
    except (KeyError, TypeError):
        return ""
