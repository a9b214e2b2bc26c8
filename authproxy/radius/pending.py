"""Requests of ours that no upstream server has answered yet: their identifiers, and when to send them again.

Pure: bytes and times in, what to do out. An identifier is free again as soon as its request is settled, but
is taken up last, so that a late reply rarely meets a new request (and then fails its authenticator).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

from authproxy.radius.packet import Packet
from authproxy.radius.seal import Seal
from authproxy.value import value

Body = Callable[[bytes, bytes], list[bytes]]
"""(secret, request authenticator) -> the attributes that hold what is asked, each whole (type, length, value)."""


@value
class UpstreamReply:
    """A verified reply, the ``host`` that gave it, and what opens its encrypted attributes."""

    packet: Packet
    host: str
    seal: Seal


class NoAnswer(Exception):
    """One upstream host gave no usable answer; the text says which host, and why, for the log."""


@value
class Question:
    """What is asked of one host, how often, and when to stop early (see Waiting)."""

    code: int
    body: Body
    tries: int
    stays_if_dead: bool = False
    stays_if_refused: bool = False


class Waiting:
    """One request: unsent (no lane had a free identifier), sent up to ``tries`` times, or settled.

    ``stays_if_dead``: is sent again although its host was found dead meanwhile. ``stays_if_refused``: also
    when the network says that the host can't be reached. Otherwise the next host is asked at once.
    """

    __slots__ = (
        "asked_at",
        "authenticator",
        "body",
        "code",
        "due",
        "identifier",
        "is_settled",
        "lane",
        "owner",
        "packet",
        "sent",
        "settle",
        "stays_if_dead",
        "stays_if_refused",
        "tries",
        "trouble",
    )

    def __init__(
        self,
        owner: Owner,
        question: Question,
        asked_at: float,
        settle: Callable[[Packet | Exception], None],
    ) -> None:
        self.owner = owner
        self.code = question.code
        self.body: Body | None = question.body
        self.tries = question.tries
        self.stays_if_dead = question.stays_if_dead
        self.stays_if_refused = question.stays_if_refused
        self.asked_at = asked_at
        self.settle = settle
        self.sent = 0
        self.due = 0.0
        self.identifier = -1
        self.lane: Sends | None = None
        self.authenticator = b""
        self.packet = b""
        self.trouble = ""  # why a reply to it was dropped
        self.is_settled = False

    def finish(self) -> None:
        """Gives the identifier back and lets go of everything that holds a password."""
        self.is_settled = True
        self.packet = b""
        self.body = None
        lane, self.lane = self.lane, None
        if lane is not None:
            lane.identifiers.release(self.identifier)

    def conclude(self, result: Packet | Exception) -> None:
        """Settles it, once."""
        if not self.is_settled:
            self.finish()
            self.settle(result)


class Sends(Protocol):
    """A socket with identifiers of its own."""

    identifiers: Identifiers

    def send(self, packet: bytes) -> None: ...


class Owner(Protocol):
    """The host that a request was sent to."""

    def wait_is_over(self, waiting: Waiting) -> None:
        """No answer came for as long as one is waited for: once more, or never."""
        ...


class Identifiers:
    """The 256 identifiers of one socket (RFC 2865 3), and whose request each one is."""

    __slots__ = ("_free", "_taken")

    def __init__(self) -> None:
        self._free = deque(random.sample(range(256), 256))
        self._taken: list[Waiting | None] = [None] * 256

    def take(self, waiting: Waiting) -> int:
        """Raises IndexError when all are taken: look at ``has_free`` first."""
        identifier = self._free.popleft()
        self._taken[identifier] = waiting
        return identifier

    def release(self, identifier: int) -> None:
        self._taken[identifier] = None
        self._free.append(identifier)

    def find(self, identifier: int) -> Waiting | None:
        return self._taken[identifier]

    def taken(self) -> list[Waiting]:
        return [waiting for waiting in self._taken if waiting is not None]

    @property
    def has_free(self) -> bool:
        return bool(self._free)

    @property
    def is_idle(self) -> bool:
        return len(self._free) == 256


class Resends:
    """What is to be sent again or given up, and when. Every wait is ``wait`` seconds long, so they end in the
    order they began and a queue is enough."""

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._queue: deque[tuple[float, Waiting]] = deque()

    def add(self, waiting: Waiting, now: float) -> None:
        waiting.due = now + self._wait
        self._drop_settled()
        self._queue.append((waiting.due, waiting))

    def next_due(self) -> float | None:
        self._drop_settled()
        return self._queue[0][0] if self._queue else None

    def expire(self, now: float) -> list[Waiting]:
        """Every request whose wait is over, taken off the queue."""
        expired = []
        queue = self._queue
        while queue and (queue[0][0] <= now or _is_stale(queue[0])):
            entry = queue.popleft()
            if not _is_stale(entry):
                expired.append(entry[1])
        return expired

    def __len__(self) -> int:
        return len(self._queue)

    def _drop_settled(self) -> None:
        queue = self._queue
        while queue and _is_stale(queue[0]):
            queue.popleft()


def _is_stale(entry: tuple[float, Waiting]) -> bool:
    """Answered since, or sent since and therefore waited for by a later entry."""
    due, waiting = entry
    return waiting.is_settled or waiting.due != due
