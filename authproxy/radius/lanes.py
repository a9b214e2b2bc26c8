"""The sockets to one host: as many as its outstanding requests need, and no more than a bound."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorFDSet

from authproxy.radius.lane import Lane, Receives
from authproxy.radius.pending import Waiting

MOST = 32
CAPACITY = MOST * 256


class Lanes:
    """``move`` sends new requests to another address; sockets to the old one stay until nobody waits on them."""

    def __init__(self, sockets: IReactorFDSet, port: int, receiver: Receives) -> None:
        self._sockets = sockets
        self._port = port
        self._receiver = receiver
        self._address = ""
        self._lanes: list[Lane] = []
        self._old: list[Lane] = []

    def __len__(self) -> int:
        return len(self._lanes) + len(self._old)

    def with_room(self) -> Lane | None:
        """A socket that has a free identifier, opened if need be; None when all are taken.

        Raises OSError when none can be opened.
        """
        for lane in self._lanes:
            if lane.identifiers.has_free:
                return lane
        if len(self) >= MOST:
            return None
        lane = Lane(self._sockets, self._address, self._port, self._receiver)
        self._lanes.append(lane)
        return lane

    def move(self, address: str) -> None:
        if address != self._address:
            self._address = address
            self._old += self._lanes
            self._lanes = []
            self.close_idle()

    def close_idle(self) -> None:
        for lane in self._old[:]:
            if lane.identifiers.is_idle:
                lane.close()
                self._old.remove(lane)

    def close(self) -> list[Waiting]:
        """Those who still wait."""
        lanes, self._lanes, self._old = self._lanes + self._old, [], []
        for lane in lanes:
            lane.close()
        return [waiting for lane in lanes for waiting in lane.identifiers.taken()]
