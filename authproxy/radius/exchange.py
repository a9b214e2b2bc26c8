"""Duplicate detection (RFC 5080 2.2.2): a retransmission never starts a second login. Pure.

A request is known by source address, source port and Identifier, together with its Request Authenticator.
The same once more: silence while it is being decided, then the same answer for 30 seconds. A different
authenticator under the same three is a new request; the answer to the old one is not sent any more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

Key = tuple[str, int, int]

CAPACITY: Final = 32_768
KEEP_SECONDS: Final = 30.0


class New:
    """A request not seen before; keep this to answer it."""

    __slots__ = ("_answer", "_authenticator", "_forget_at", "_key")

    def __init__(self, key: Key, authenticator: bytes) -> None:
        self._key = key
        self._authenticator = authenticator
        self._answer = b""
        self._forget_at = 0.0


class InFlight:
    """Being decided: say nothing."""

    __slots__ = ()


class AlreadyAnswered:
    """Send ``datagram`` again."""

    __slots__ = ("datagram",)
    __match_args__ = ("datagram",)

    def __init__(self, datagram: bytes) -> None:
        self.datagram = datagram


class Full:
    """No room: as many requests as there is room for are all waiting for a decision."""

    __slots__ = ()


_IN_FLIGHT, _FULL = InFlight(), Full()


class Exchange:
    """The requests of one socket, at most ``capacity``. Times are seconds of any steady clock."""

    __slots__ = ("_answered", "_capacity", "_keep", "_pending", "settled")

    def __init__(self, capacity: int = CAPACITY, keep: float = KEEP_SECONDS) -> None:
        self._capacity = capacity
        self._keep = keep
        self._pending: dict[Key, New] = {}
        self._answered: OrderedDict[Key, New] = OrderedDict()  # oldest answer first
        self.settled: Callable[[Key, bytes, bytes], None] | None = None
        """Is told key, authenticator and answer of every request that was answered, without one: abandoned."""

    @property
    def pending(self) -> int:
        return len(self._pending)

    def __len__(self) -> int:
        return len(self._pending) + len(self._answered)

    def receive(self, key: Key, authenticator: bytes, now: float) -> New | InFlight | AlreadyAnswered | Full:
        self._forget(now)
        pending = self._pending.get(key)
        if pending is not None:
            if pending._authenticator == authenticator:
                return _IN_FLIGHT
        else:
            answered = self._answered.get(key)
            if answered is not None:
                if answered._authenticator == authenticator:
                    return AlreadyAnswered(answered._answer)
                del self._answered[key]
            elif len(self) >= self._capacity:
                if not self._answered:
                    return _FULL
                self._answered.popitem(last=False)
        request = self._pending[key] = New(key, authenticator)
        return request

    def answer(self, request: New, datagram: bytes, now: float) -> bool:
        """Remembers the answer. False: a newer request took its place, so this answer must not be sent."""
        if not self._settle(request, datagram):
            return False
        request._answer = datagram
        request._forget_at = now + self._keep
        self._answered[request._key] = request
        return True

    def abandon(self, request: New) -> bool:
        """Forgets a request that will not be answered. False: a newer one took its place."""
        return self._settle(request, b"")

    def _settle(self, request: New, datagram: bytes) -> bool:
        if self._pending.get(request._key) is not request:
            return False
        del self._pending[request._key]
        if self.settled is not None:
            self.settled(request._key, request._authenticator, datagram)
        return True

    def undecided(self) -> Iterator[tuple[Key, bytes]]:
        """Key and authenticator of each request that is being decided."""
        return ((request._key, request._authenticator) for request in self._pending.values())

    def remembered(self, now: float) -> Iterator[tuple[Key, bytes, bytes, float]]:
        """Key, authenticator and answer of each request that was answered, and how many seconds more that counts;
        oldest first."""
        self._forget(now)
        for request in self._answered.values():
            yield request._key, request._authenticator, request._answer, request._forget_at - now

    def learn(self, key: Key, authenticator: bytes, datagram: bytes, now: float, seconds: float) -> None:
        """A request that somebody else has answered. Those answered first come first."""
        request = self.receive(key, authenticator, now)
        if isinstance(request, New):
            self.answer(request, datagram, now + seconds - self._keep)

    def _forget(self, now: float) -> None:
        answered = self._answered
        while answered:
            oldest = next(iter(answered.values()))
            if oldest._forget_at > now:
                return
            del answered[oldest._key]
