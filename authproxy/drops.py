"""How often a drop is logged: once a minute for each source and reason, with a count of the rest. Pure."""

from __future__ import annotations

from typing import Final

WINDOW: Final = 60.0
_MOST_SOURCES = 256
OTHERS: Final = "many sources"


class Drops:
    """Remembers at most 256 pairs; beyond these, sources share one line per reason, so that a flood from
    invented addresses fills neither memory nor the log. Reasons must come from a fixed set."""

    def __init__(self) -> None:
        self._table: dict[tuple[str, str], list[float]] = {}  # since when, and how many were left out
        self._swept = 0.0

    def note(self, source: str, reason: str, now: float) -> tuple[str, int] | None:
        """None: log nothing. Otherwise who to name, and how many like it were not logged before."""
        key = (source, reason)
        entry = self._table.get(key)
        if entry is None and not self._has_room(now):
            key = (OTHERS, reason)
            entry = self._table.get(key)
        if entry is None:
            self._table[key] = [now, 0]
            return key[0], 0
        if now - entry[0] < WINDOW:
            entry[1] += 1
            return None
        left_out = int(entry[1])
        entry[:] = (now, 0)
        return key[0], left_out

    def _has_room(self, now: float) -> bool:
        if len(self._table) < _MOST_SOURCES:
            return True
        if now - self._swept < WINDOW:
            return False
        self._swept = now
        self._table = {key: entry for key, entry in self._table.items() if now - entry[0] < WINDOW}
        return len(self._table) < _MOST_SOURCES
