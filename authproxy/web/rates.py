"""How often one source may ask before it has shown who it is: a token bucket each, in a bounded table. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

BURST: Final = 10.0  # seconds' worth of requests that may come at once
_MOST_SOURCES = 10_000


class Rates:
    """A request takes a token; one that turns out to be signed gives it back. When there are too many sources,
    the one that has been silent longest is forgotten, which is to its favor."""

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        """``per_second`` 0: any number. ``now``: seconds, never backwards."""
        self._per_second = per_second
        self._most = max(per_second * BURST, 1.0)
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when

    def take(self, source: str) -> bool:
        """Whether there was a token left."""
        if not self._per_second:
            return True
        tokens, now = self._tokens(source), self._now()
        has_one = tokens >= 1.0
        self._buckets[source] = (tokens - 1.0 if has_one else tokens, now)
        self._buckets.move_to_end(source)
        if len(self._buckets) > _MOST_SOURCES:
            self._buckets.popitem(last=False)
        return has_one

    def give_back(self, source: str) -> None:
        if source in self._buckets:
            self._buckets[source] = (min(self._tokens(source) + 1.0, self._most), self._now())

    def _tokens(self, source: str) -> float:
        tokens, since = self._buckets.get(source, (self._most, 0.0))
        return min(tokens + (self._now() - since) * self._per_second, self._most)

    def __len__(self) -> int:
        return len(self._buckets)
