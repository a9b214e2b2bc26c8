"""The appliances of a section: who may ask, and with which shared secret. Pure."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from authproxy.config.settings import Address, Appliance

_CACHED = 4096  # sources; spoofed ones must not make it grow


@dataclass(frozen=True, slots=True)
class Client:
    """A source address that may ask. ``address`` is as people write it: IPv4 also when it came mapped to IPv6."""

    address: str
    secret: bytes = field(repr=False)
    number: int  # the N of radius_ip_N


class Appliances:
    """Finds the appliance an address belongs to: the smallest range wins, of equal ones the first listed."""

    def __init__(self, appliances: Iterable[Appliance]) -> None:
        everyone = list(appliances)
        self._tables = {4: _Table(everyone, 4), 6: _Table(everyone, 6)}
        self._cache: dict[str, Client | None] = {}

    def find(self, host: str) -> Client | None:
        """Who ``host`` is: an IPv4 or IPv6 address as the socket gives it."""
        try:
            return self._cache[host]
        except KeyError:
            pass
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        found = self._cache[host] = self._look_up(host)
        return found

    def _look_up(self, host: str) -> Client | None:
        address = _plain(ip_address(host.partition("%")[0]))
        appliance = self._tables[address.version].find(int(address))
        if appliance is None:
            return None
        return Client(plain_address(host), appliance.secret.reveal_bytes(), appliance.number)


class _Table:
    """Ranges of one IP version, cut into pieces that do not overlap: one bisection per look-up."""

    def __init__(self, appliances: list[Appliance], version: int) -> None:
        ranges = []
        for order, appliance in enumerate(appliances):
            first, last = _plain(appliance.first), _plain(appliance.last)
            if first.version == last.version == version:
                ranges.append((int(first), int(last), order, appliance))
        self._starts: list[int] = []
        self._owners: list[Appliance | None] = []
        self._sweep(sorted(ranges, key=lambda entry: entry[:3]))

    def _sweep(self, ranges: list[tuple[int, int, int, Appliance]]) -> None:
        points = sorted({first for first, _, _, _ in ranges} | {last + 1 for _, last, _, _ in ranges})
        open_ranges: list[tuple[int, int, int, Appliance]] = []  # size, order (unique), last, appliance
        coming = iter([*ranges, None])
        following = next(coming)
        for point in points:
            while following is not None and following[0] == point:
                first, last, order, appliance = following
                heapq.heappush(open_ranges, (last - first, order, last, appliance))
                following = next(coming)
            while open_ranges and open_ranges[0][2] < point:
                heapq.heappop(open_ranges)
            self._starts.append(point)
            self._owners.append(open_ranges[0][3] if open_ranges else None)

    def find(self, number: int) -> Appliance | None:
        at = bisect_right(self._starts, number)
        return self._owners[at - 1] if at else None


def plain_address(host: str) -> str:
    """``::ffff:192.0.2.1`` (IPv4 on a socket for both) as ``192.0.2.1``; anything else as it is."""
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def _plain(address: Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if address.version == 6 else None
    return address if mapped is None else mapped
