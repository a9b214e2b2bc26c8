"""Which appliance an address belongs to."""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from authproxy.config.settings import Appliance
from authproxy.radius.clients import Appliances, plain_address
from authproxy.secret import Secret


def appliance(number: int, text: str) -> Appliance:
    if "-" in text:
        first, last = (ip_address(part) for part in text.split("-"))
    else:
        network = ip_network(text)
        first, last = network[0], network[-1]
    return Appliance(first, last, Secret(f"secret-{number}"), number)


def number_of(appliances: Appliances, host: str) -> int | None:
    found = appliances.find(host)
    return None if found is None else found.number


NESTED = Appliances(
    appliance(number, text)
    for number, text in enumerate(
        [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3",
            "10.1.2.0-10.1.2.9",
            "2001:db8::/32",
            "2001:db8::5",
            "192.0.2.200-192.0.3.5",
            "fe80::/10",
        ],
        start=1,
    )
)


SMALLEST_RANGE_WINS = [
    ("203.0.113.1", 1),
    ("10.200.0.1", 2),
    ("10.1.255.255", 3),
    ("10.1.2.3", 4),
    ("10.1.2.2", 5),
    ("10.1.2.9", 5),
    ("10.1.2.10", 3),
    ("::ffff:10.1.2.3", 4),
    ("2001:db8::5", 7),
    ("2001:db8::6", 6),
    ("192.0.2.199", 1),
    ("192.0.2.200", 8),
    ("192.0.3.5", 8),
    ("255.255.255.255", 1),
    ("fe80::1%eth0", 9),
    ("2001:db9::1", None),
    ("::1", None),
]


def test_smallest_range_wins() -> None:
    for host, number in SMALLEST_RANGE_WINS:
        assert number_of(NESTED, host) == number
        assert number_of(NESTED, host) == number  # from the cache


def test_client_is_named_as_people_write_it_and_has_its_secret() -> None:
    found = NESTED.find("::ffff:10.1.2.3")
    assert found is not None
    assert (found.address, found.secret) == ("10.1.2.3", b"secret-4")
    assert "secret-4" not in repr(found)


def test_ipv6_range_over_everything_does_not_take_ipv4_in() -> None:
    appliances = Appliances([appliance(1, "::/0")])
    assert number_of(appliances, "::ffff:192.0.2.1") is None
    assert number_of(appliances, "2001:db8::1") == 1


def test_range_written_as_mapped_ipv4_means_ipv4() -> None:
    appliances = Appliances([appliance(1, "::ffff:192.0.2.0/120")])
    assert number_of(appliances, "192.0.2.9") == 1


def test_of_two_equal_ranges_the_first_listed_wins() -> None:
    appliances = Appliances([appliance(7, "192.0.2.0/24"), appliance(3, "192.0.2.0/24")])
    assert number_of(appliances, "192.0.2.9") == 7


def test_no_appliance_at_all() -> None:
    assert Appliances([]).find("192.0.2.1") is None


spans = st.tuples(st.integers(0, 255), st.integers(0, 255)).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(spans, max_size=12))
@settings(max_examples=40)
def test_agrees_with_a_search_through_all_ranges(ranges: list[tuple[int, int]]) -> None:
    appliances = Appliances(
        appliance(number, f"192.0.2.{first}-192.0.2.{last}") for number, (first, last) in enumerate(ranges)
    )
    for octet in range(0, 256, 5):
        holding = [(last - first, number) for number, (first, last) in enumerate(ranges) if first <= octet <= last]
        assert number_of(appliances, f"192.0.2.{octet}") == (min(holding)[1] if holding else None)


def test_thousand_appliances_are_found_fast_also_by_addresses_never_seen() -> None:
    appliances = Appliances(appliance(number, f"10.{number // 250}.{number % 250}.0/24") for number in range(1000))
    hosts = [f"10.{number // 250}.{number % 250}.{number % 200}" for number in range(1000)]
    started = time.process_time()
    assert [number_of(appliances, host) for host in hosts] == list(range(1000))
    assert time.process_time() - started < 0.1


def test_cache_of_spoofed_sources_stays_bounded() -> None:
    for number in range(10_000):
        NESTED.find(f"203.0.{number // 250}.{number % 250}")
    assert len(NESTED._cache) <= 4096
    assert number_of(NESTED, "10.1.2.3") == 4


def test_plain_address() -> None:
    assert [plain_address(host) for host in ("::ffff:192.0.2.1", "::ffff:1", "192.0.2.1")] == [
        "192.0.2.1",
        "::ffff:1",
        "192.0.2.1",
    ]
