"""Requests that were refused, in the log: once a minute for each source and reason."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from authproxy.drops import Drops

_log = Logger()


class Refusals:
    def __init__(self, now: Callable[[], float]) -> None:
        self._drops = Drops()
        self._now = now

    def note(self, source: str, reason: str) -> None:
        """``reason``: one of a fixed set."""
        noted = self._drops.note(source, reason, self._now())
        if noted is None:
            return
        named, left_out = noted
        more = f" ({left_out} more since)" if left_out else ""
        _log.warn("web: refused {source}: {reason}{more}", source=named, reason=reason, more=more)
