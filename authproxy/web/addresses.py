"""How many connections each address has open, and whether it may have one more. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Addresses:
    def __init__(self, most: int, is_exempt: Callable[[str], bool]) -> None:
        """``is_exempt``: addresses that speak for many clients, such as reverse proxies."""
        self._most = most
        self._is_exempt = is_exempt
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Whether it may stay; it is counted, and has to leave, either way."""
        self._open[address] += 1
        return self._open[address] <= self._most or self._is_exempt(address)

    def leave(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def __len__(self) -> int:
        return len(self._open)
