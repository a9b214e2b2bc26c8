"""SRV records (RFC 2782) as values, and the order in which their targets are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class ServiceRecord(NamedTuple):
    """``host`` without the dot at its end. Lower ``priority`` comes first; ``weight`` is the share of the load
    among those of one priority."""

    priority: int
    weight: int
    port: int
    host: str


def is_service_name(host: str) -> bool:
    """``_ldap._tcp.example.com`` names a service, not a host."""
    return host.startswith("_")


def in_order(records: Iterable[ServiceRecord], chance: Callable[[int], int]) -> list[ServiceRecord]:
    """``chance(n)`` is a number from 0 to n, both included. A record without a host says that there is no such
    service, and is left out."""
    ordered: list[ServiceRecord] = []
    waiting = sorted({record for record in records if record.host}, key=lambda one: (one.priority, one.weight))
    while waiting:
        first = waiting[0].priority
        equals = [record for record in waiting if record.priority == first]
        del waiting[: len(equals)]
        while equals:
            ordered.append(equals.pop(_pick(equals, chance)))
    return ordered


def _pick(equals: list[ServiceRecord], chance: Callable[[int], int]) -> int:
    """The index of the first whose running sum of weights reaches a number drawn by lot."""
    drawn, running = chance(sum(record.weight for record in equals)), 0
    for index, record in enumerate(equals):
        running += record.weight
        if running >= drawn:
            return index
    raise AssertionError("the number drawn is above the sum")
