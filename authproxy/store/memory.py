"""In-memory twins of journal and challenges, for tests and for servers that keep nothing."""

from __future__ import annotations

from collections.abc import Callable

from authproxy.model import Entry, LoginRecord, PendingChallenge, Verdict
from authproxy.store.challenges import new_state


class MemoryJournal:
    """Implements ``model.Journal``; ``logins`` is what was recorded, oldest first."""

    def __init__(self) -> None:
        self.logins: list[LoginRecord] = []

    async def record(self, login: LoginRecord) -> None:
        self.logins.append(login)

    def entry(self, record_of: Callable[[Verdict], LoginRecord]) -> Entry:
        return Entry(record_of, lambda _, login: self.logins.append(login))


class MemoryChallenges:
    """Implements ``model.Challenges``."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._open: dict[bytes, tuple[float, PendingChallenge]] = {}

    async def issue(self, pending: PendingChallenge) -> bytes:
        state = new_state()
        self._open[state] = (self._now() + self._seconds, pending)
        return state

    async def redeem(self, state: bytes) -> PendingChallenge | None:
        expires, pending = self._open.pop(state, (0.0, None))
        return pending if self._now() < expires else None
