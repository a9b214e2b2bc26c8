"""The line between the daemon that leaves and the one that comes: JSON objects, each with its length before it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

Message = dict[str, Any]


class Link(Int32StringReceiver):
    """``heard`` is told of each message, ``lost`` once when the other process is gone or has hung up."""

    MAX_LENGTH = 16 * 1024 * 1024

    def __init__(self, heard: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost

    def open(self, reactor: IReactorSocket, end: socket.socket) -> Link:
        """``end`` is this one's from now on."""
        end.setblocking(False)
        factory = _Once(self)
        reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, cast(Any, factory))
        end.close()
        return self

    def say(self, **message: Any) -> None:
        if self.connected:
            self.sendString(json.dumps(message).encode())  # type: ignore[no-untyped-call]

    def stringReceived(self, string: bytes) -> None:
        self._heard(json.loads(string))

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._lost()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class _Once(ServerFactory):
    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: object) -> Link:
        return self._link
