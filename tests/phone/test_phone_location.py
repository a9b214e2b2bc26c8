"""Places of addresses, from a database in MaxMind's format that is written here."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from authproxy.errors import ConfigError
from authproxy.secondfactor.phone_location import Location, Locations, nowhere, open_locations

_MARKER = b"\xab\xcd\xefMaxMind.com"


def encoded(value: object) -> bytes:
    """The format's data types: map, text, whole number, array."""
    match value:
        case dict():
            pairs = b"".join(encoded(key) + encoded(each) for key, each in value.items())
            return bytes([7 << 5 | len(value)]) + pairs
        case str():
            octets = value.encode()
            return bytes([2 << 5 | len(octets)]) + octets
        case int():
            octets = value.to_bytes((value.bit_length() + 7) // 8)
            return bytes([6 << 5 | len(octets)]) + octets
        case list():
            return bytes([len(value), 11 - 7]) + b"".join(map(encoded, value))
    raise TypeError(value)


def database(network: str, record: object) -> bytes:
    """One network, and nothing else."""
    subnet = ip_network(network)
    first, length = int(subnet.network_address), subnet.prefixlen
    nodes = b""
    for depth in range(length):
        onward = depth + 1 if depth + 1 < length else length + 16
        pair = [length, length]  # not found
        pair[first >> (31 - depth) & 1] = onward
        nodes += b"".join(each.to_bytes(3) for each in pair)
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000,
        "database_type": "Test",
        "description": {"en": "test"},
        "ip_version": 4,
        "languages": ["en"],
        "node_count": length,
        "record_size": 24,
    }
    return nodes + bytes(16) + encoded(record) + _MARKER + encoded(about)


def test_an_address_is_told_as_city_and_country(tmp_path: Path) -> None:
    file = tmp_path / "places.mmdb"
    country = {"iso_code": "CH", "names": {"en": "Switzerland"}}
    record = {"city": {"names": {"en": "Bern", "de": "Bern"}}, "country": country}
    file.write_bytes(database("198.51.100.0/24", record))
    locations = open_locations(file)
    location = locations.place
    assert [locations.country(address) for address in ("198.51.100.7", "192.0.2.1", "nonsense")] == ["CH", "", ""]
    assert location("198.51.100.7") == "Bern, Switzerland"
    assert [location(address) for address in ("192.0.2.1", "2001:db8::1", "", "nonsense")] == ["", "", "", ""]


def test_a_record_without_a_city_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "places.mmdb"
    file.write_bytes(database("198.51.100.0/24", {"country": {"names": {"en": "Switzerland"}}, "city": {}}))
    assert open_locations(file).place("198.51.100.7") == "Switzerland"


def test_a_place_has_parts(tmp_path: Path) -> None:
    file = tmp_path / "places.mmdb"
    states = [{"names": {"en": "Bern-Mittelland"}}, {"names": {"en": "another"}}]
    record = {
        "city": {"names": {"en": "Bern"}},
        "subdivisions": states,
        "country": {"names": {"en": "Switzerland"}},
    }
    file.write_bytes(database("198.51.100.0/24", record))
    location = open_locations(file).location
    assert location("198.51.100.7") == Location("Bern", "Bern-Mittelland", "Switzerland")
    assert location("192.0.2.1") == location("nonsense") == Location()


def test_without_a_database_no_place_is_known() -> None:
    assert open_locations(None) == Locations(nowhere, nowhere)
    assert nowhere("198.51.100.7") == ""


def test_a_database_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    missing, damaged = tmp_path / "missing.mmdb", tmp_path / "damaged.mmdb"
    damaged.write_bytes(b"nothing of that kind")
    for file in (missing, damaged):
        with pytest.raises(ConfigError, match=f"geoip_file {file}"):
            open_locations(file)
