"""How a command tells the daemon that a push was decided: a datagram with its ID to ``<state_dir>/push.sock``.

It is only a hint: the daemon reads the decision from the database, and looks there by itself, only later, when
no datagram comes.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorUNIXDatagram
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

_NAME = "push.sock"
_LONGEST_PATH = 107  # sun_path holds 108 bytes with its end
_LONGEST_ID = 40
_IDS_PER_DATAGRAM = 300
_MOST_BYTES = 16384

_log = Logger()


def socket_path(state_dir: Path) -> Path:
    return state_dir / _NAME


def poke(state_dir: Path, ids: Iterable[str]) -> None:
    """Wakes the daemon of this ``state_dir``, if there is one. Never blocks, never fails."""
    todo = [push_id.encode("ascii", "ignore") for push_id in ids]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for first in range(0, len(todo), _IDS_PER_DATAGRAM):
            sender.sendto(b"\n".join(todo[first : first + _IDS_PER_DATAGRAM]), os.fsencode(socket_path(state_dir)))


class WakeupPort(DatagramProtocol):
    """Hears the datagrams and hands on the IDs in them."""

    noisy = False

    def __init__(self, woken: Callable[[Iterable[str]], None]) -> None:
        self._woken = woken

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        lines = datagram.split(b"\n", _IDS_PER_DATAGRAM)[:_IDS_PER_DATAGRAM]
        self._woken([line.decode("ascii", "replace") for line in lines if len(line) <= _LONGEST_ID])


def listen(
    reactor: IReactorUNIXDatagram, state_dir: Path, woken: Callable[[Iterable[str]], None]
) -> IListeningPort | None:
    """Opens the socket, for this user only; None (with a line in the log) where that can't be done."""
    path = socket_path(state_dir)
    if len(os.fsencode(path)) > _LONGEST_PATH:
        _log.warn("{path}: too long for a socket; decided pushes are noticed with a delay", path=str(path))
        return None
    with contextlib.suppress(OSError):
        path.unlink()
    try:
        port: IListeningPort = reactor.listenUNIXDatagram(str(path), WakeupPort(woken), _MOST_BYTES, mode=0o600)
    except (CannotListenError, OSError) as error:
        _log.warn("{path}: {error}; decided pushes are noticed with a delay", path=str(path), error=str(error))
        return None
    return port
