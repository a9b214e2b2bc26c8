"""Logins between two of their requests: what a State of ours stands for. In memory, bounded, expiring. Pure.

A State is good for one request of the appliance and the user name it was given to; every answer brings a new one.
What is left too long is forgotten, and so is the oldest when there are too many, in all or of one name: anonymous
outer names are shared by many, so that a name's bound can't be tight.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final

from authproxy.model import AuthRequest, Conversation, Trail

CAPACITY: Final = 8_192
CAPACITY_OF_ONE: Final = 512
KEEP_SECONDS: Final = 60.0

_Owner = tuple[str, str]


@dataclass(slots=True, eq=False)
class Pause:
    """A login that waits for the next request."""

    login_id: str
    trail: Trail
    conversation: Conversation
    nas: str
    username: str
    until: float


class Conversations:
    """The paused logins of one section. ``now``: seconds of any steady clock. ``lost`` is told of each one that
    nobody went on with."""

    def __init__(
        self,
        now: Callable[[], float],
        lost: Callable[[Pause], None],
        *,
        capacity: int = CAPACITY,
        capacity_of_one: int = CAPACITY_OF_ONE,
        keep: float = KEEP_SECONDS,
    ) -> None:
        self._now = now
        self._lost = lost
        self._capacity = capacity
        self._capacity_of_one = capacity_of_one
        self._keep = keep
        self.paused: Callable[[bytes], None] | None = None
        """Is told each State that is given out."""
        self._paused: OrderedDict[bytes, Pause] = OrderedDict()  # the longest pause first
        self._of_owner: dict[_Owner, OrderedDict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._paused)

    def pause(self, request: AuthRequest) -> bytes:
        """The State with which the login goes on: 24 printable octets."""
        assert request.conversation is not None
        now = self._now()
        owner = request.nas, request.username
        self._make_room(owner, now)
        state = token_urlsafe(18).encode()
        self._paused[state] = Pause(
            request.login_id, request.trail, request.conversation, *owner, until=now + self._keep
        )
        self._of_owner.setdefault(owner, OrderedDict())[state] = None
        if self.paused is not None:
            self.paused(state)
        return state

    def states(self) -> list[bytes]:
        """Of every login that may still be gone on with."""
        now = self._now()
        return [state for state, pause in self._paused.items() if pause.until > now]

    def resume(self, state: bytes, request: AuthRequest) -> AuthRequest | None:
        """``request`` as a part of its login. None when the State is unknown, used, expired, or another's."""
        pause = self._paused.get(state)
        if pause is None or request.conversation is None or pause.until <= self._now():
            return None
        is_bound = (pause.nas, pause.username) == (request.nas, request.username)
        if not is_bound or pause.conversation.method != request.conversation.method:
            return None
        self._forget(state)
        return request.in_login(pause.login_id, pause.trail, pause.conversation)

    def _make_room(self, owner: _Owner, now: float) -> None:
        while self._paused:
            oldest = next(iter(self._paused.values()))
            if oldest.until > now and len(self._paused) < self._capacity:
                break
            self._lose(next(iter(self._paused)))
        own = self._of_owner.get(owner)
        if own is not None and len(own) >= self._capacity_of_one:
            self._lose(next(iter(own)))

    def _lose(self, state: bytes) -> None:
        self._lost(self._forget(state))

    def _forget(self, state: bytes) -> Pause:
        pause = self._paused.pop(state)
        owner = pause.nas, pause.username
        own = self._of_owner[owner]
        del own[state]
        if not own:
            del self._of_owner[owner]
        return pause
