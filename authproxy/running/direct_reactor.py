"""Twisted's asyncio reactor, with a shorter way from what happens to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.logger import Logger

_log = Logger()


class DirectReactor(AsyncioSelectorReactor):
    def addReader(self, reader: Any) -> None:
        """Twisted would enter a context around each event, which only lines of its old log are marked with."""
        is_new = reader not in self._readers
        super().addReader(reader)  # type: ignore[no-untyped-call]
        number = self._readers.get(reader)
        if is_new and number is not None:
            self._asyncioEventloop.add_reader(number, self._readOrWrite, reader, True)

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """In the loop's next turn. Twisted would set a timer then, for the turn after it."""
        self._asyncioEventloop.call_soon_threadsafe(_call, partial(callable, *args, **kwargs))


def _call(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        _log.failure("a call from a thread failed")
