"""A restart, seen from the daemon that comes: it has the sockets, says it is ready, and serves when told to."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress

from twisted.internet.interfaces import IReactorSocket
from twisted.logger import Logger

from authproxy.assembly.ports import Place
from authproxy.radius.estate import Elsewhere
from authproxy.running.link import Link, Message
from authproxy.service import Service

_log = Logger()


def say_failed(link: socket.socket, why: str) -> None:
    """To the daemon that stays then."""
    text = json.dumps({"failed": why}).encode()
    with suppress(OSError):
        link.sendall(len(text).to_bytes(4, "big") + text)


class Succession:
    """``serve`` is called when it is this daemon's turn, ``give_up`` when it never will be."""

    def __init__(self, service: Service, serve: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._service = service
        self._serve = serve
        self._give_up = give_up
        self._elsewhere: dict[Place, Elsewhere] = {}
        self._serves = False
        self._link = Link(self._heard, self._lost)

    def begin(self, reactor: IReactorSocket, end: socket.socket) -> None:
        for place, server in self._service.assembly.doors.radius.items():
            self._elsewhere[place] = server.inherit(
                lambda datagram, peer, at=place: self._link.say(  # type: ignore[misc]
                    **{"take back": datagram.hex(), "from": peer, "at": at}
                )
            )
        self._link.open(reactor, end)
        self._link.say(ready=True)

    def _heard(self, message: Message) -> None:
        match message:
            case {"at": at, "piece": piece}:
                elsewhere = self._elsewhere.get(Place(*at))
                if elsewhere is not None:
                    elsewhere.take(piece)
            case {"go": _}:
                self._serves = True
                self._serve()
                self._link.say(serves=True)

    def _lost(self) -> None:
        for elsewhere in self._elsewhere.values():
            elsewhere.forget()
        if self._serves:
            _log.info("the process before this one has ended")
        else:
            self._give_up()
