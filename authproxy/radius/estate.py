"""What a process leaves to the one that serves its socket after it, as values that JSON can carry. Pure.

The next one must neither take a retransmission for a new login nor give another answer than the first one has:
it learns what was answered, and what is still being decided there. A login in several steps (EAP) that was begun
there goes on there: its next request is handed back.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

from authproxy.radius.conversations import Conversations
from authproxy.radius.exchange import Exchange, Key, New
from authproxy.radius.signing import SigningRule

Piece = dict[str, Any]
Peer = tuple[str, int]

_PER_PIECE = 500


def estate(exchange: Exchange, conversations: Conversations, signing: SigningRule, now: float) -> Iterator[Piece]:
    """In pieces of bounded size; order matters."""
    signs, is_proxy = signing.seen()
    yield {"signing": signs, "is_proxy": is_proxy}
    yield {"states": [state.decode("ascii") for state in conversations.states()]}
    for pending in _chunks(list(exchange.undecided())):
        yield {"undecided": [[*key, authenticator.hex()] for key, authenticator in pending]}
    for answered in _chunks(list(exchange.remembered(now))):
        yield {
            "answered": [
                [*key, authenticator.hex(), _packed(datagram), seconds]
                for key, authenticator, datagram, seconds in answered
            ]
        }


def settled(key: Key, authenticator: bytes, datagram: bytes) -> Piece:
    """A request of the estate, decided since."""
    return {"settled": [*key, authenticator.hex(), _packed(datagram)]}


def paused(state: bytes) -> Piece:
    """A State that was given out since."""
    return {"states": [state.decode("ascii")]}


class Elsewhere:
    """What another process still decides for the clients of this socket. ``hand_back`` gives it a datagram."""

    def __init__(
        self,
        exchange: Exchange,
        signing: SigningRule,
        now: Callable[[], float],
        hand_back: Callable[[bytes, Peer], None],
    ) -> None:
        self._exchange = exchange
        self._signing = signing
        self._now = now
        self._hand_back = hand_back
        self._undecided: dict[tuple[Key, bytes], New] = {}
        self._states: set[bytes] = set()

    def take(self, piece: Piece) -> None:
        """What ``estate``, ``settled`` or ``paused`` gave there."""
        match piece:
            case {"signing": signs, "is_proxy": is_proxy}:
                self._signing.restore(signs, is_proxy)
            case {"states": states}:
                self._states.update(state.encode("ascii") for state in states)
            case {"undecided": rows}:
                for host, port, identifier, authenticator in rows:
                    self._await((host, port, identifier), bytes.fromhex(authenticator))
            case {"answered": rows}:
                now = self._now()
                for host, port, identifier, authenticator, datagram, seconds in rows:
                    key = (host, port, identifier)
                    self._exchange.learn(key, bytes.fromhex(authenticator), b64decode(datagram), now, seconds)
            case {"settled": [host, port, identifier, authenticator, datagram]}:
                self._settle((host, port, identifier), bytes.fromhex(authenticator), b64decode(datagram))

    def _await(self, key: Key, authenticator: bytes) -> None:
        request = self._exchange.receive(key, authenticator, self._now())
        if isinstance(request, New):
            self._undecided[key, authenticator] = request

    def _settle(self, key: Key, authenticator: bytes, datagram: bytes) -> None:
        request = self._undecided.pop((key, authenticator), None)
        if request is None:
            return
        if datagram:
            self._exchange.answer(request, datagram, self._now())
        else:
            self._exchange.abandon(request)

    def goes_on(self, state: bytes, key: Key, request: New, datagram: bytes, peer: Peer) -> bool:
        """Whether the request belongs to a login that was begun there; it has been handed back then."""
        if state not in self._states:
            return False
        self._states.discard(state)
        self._undecided[key, datagram[4:20]] = request
        self._hand_back(datagram, peer)
        return True

    def forget(self) -> None:
        """The other process is gone: what it has not decided may be asked anew."""
        for request in self._undecided.values():
            self._exchange.abandon(request)
        self._undecided.clear()
        self._states.clear()


def _packed(datagram: bytes) -> str:
    return b64encode(datagram).decode("ascii")


def _chunks(rows: list[Any]) -> Iterator[list[Any]]:
    return (rows[first : first + _PER_PIECE] for first in range(0, len(rows), _PER_PIECE))
