"""Attempts to log in that prompts wait for, one for each prompt; in memory, for a push lives no longer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from authproxy.model import Allowed, LoginRecord
from authproxy.secondfactor.api_logins import Ended
from authproxy.secondfactor.authapi import Progress
from authproxy.secondfactor.wording import said

MOST: Final = 10_000
FETCHED_WITHIN: Final = 60.0
"""Seconds in which the page has to look for a login that was allowed. One that waits looks at once."""
_TOO_LATE: Final = Progress(
    "deny", "deny", said("The login was approved, but this page was not open any more. Please log in again.")
)


class Attempt:
    """``ended`` is None while it goes on, and when it came to nothing: ``progress`` tells."""

    __slots__ = ("_listeners", "code", "ended", "factor", "is_over", "label", "progress", "running")

    def __init__(self, factor: str, label: str = "", code: str = "") -> None:
        """``label``: of the phone. ``code``: shown here, to be typed on the phone."""
        self.factor = factor
        self.label = label
        self.code = code
        self.progress = Progress("waiting", "pushed", "")
        self.ended: Ended | None = None
        self.is_over = False
        self.running: Deferred[None] | None = None
        self._listeners: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def advance(self, progress: Progress) -> None:
        self.progress = progress
        self._tell()

    def end(self, progress: Progress, ended: Ended | None = None) -> None:
        self.progress, self.ended, self.is_over = progress, ended, True
        self._tell()

    def allowed(self, now: float) -> LoginRecord | None:
        """The login that was allowed, for as long as it counts. ``now``: epoch seconds."""
        if self.ended is None or not isinstance(self.ended.verdict, Allowed):
            return None
        if now - self.ended.login.at <= FETCHED_WITHIN:
            return self.ended.login
        self.end(_TOO_LATE)
        return None

    def listen(self, heard: Callable[[], None], hung_up: Callable[[], None]) -> Callable[[], None]:
        """``heard`` is called at each news, ``hung_up`` when there will be none. What is returned ends both."""
        listener = heard, hung_up
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def hang_up(self) -> None:
        listeners, self._listeners = self._listeners, []
        for _, hung_up in listeners:
            hung_up()

    def give_up(self) -> None:
        if self.running is not None and not self.is_over:
            self.running.cancel()

    def _tell(self) -> None:
        for heard, _ in list(self._listeners):
            heard()


class Attempts:
    """By the prompt's session. Bounded: the oldest are given up first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_session: OrderedDict[str, Attempt] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_session)

    def open(self, session: str, attempt: Attempt) -> None:
        """Instead of the one before, which is given up."""
        self.drop(session)
        self._by_session[session] = attempt
        if len(self._by_session) > self._most:
            _, oldest = self._by_session.popitem(last=False)
            oldest.give_up()

    def of(self, session: str) -> Attempt | None:
        return self._by_session.get(session)

    def drop(self, session: str) -> None:
        attempt = self._by_session.pop(session, None)
        if attempt is not None:
            attempt.give_up()

    def hang_up(self) -> None:
        """Whoever listens is to ask another process."""
        for attempt in self._by_session.values():
            attempt.hang_up()

    def stop(self) -> None:
        for session in list(self._by_session):
            self.drop(session)
