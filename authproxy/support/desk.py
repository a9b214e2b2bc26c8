"""What the daemon does for support staff while it runs, whatever configuration it serves by."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from authproxy.support.primary_only import PrimaryOnly
from authproxy.support.watchlist import Watchlist


@dataclass(frozen=True, slots=True)
class SupportDesk:
    primary_only: PrimaryOnly
    watchlist: Watchlist

    @classmethod
    def open(cls, state_dir: Path, clock: IReactorTime, now: Callable[[], float] = time.time) -> SupportDesk:
        return cls(PrimaryOnly(state_dir, clock, now), Watchlist(clock.seconds))
