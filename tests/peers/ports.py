"""Ports for peers and daemons. Each of several test processes takes its own, outside the range that the kernel
hands out for outgoing connections: what is free when it is chosen is still free when it is used."""

from __future__ import annotations

import os
import socket
from itertools import count

_FIRST, _SPAN, _MOST_PROCESSES = 10_000, 5_000, 4
_offsets = count()


def free_port(address: str = "127.0.0.1") -> int:
    """A port of this process that nobody listens on, neither in UDP nor in TCP: it serves for either kind."""
    for _ in range(_SPAN):
        port = _own_first() + next(_offsets) % _SPAN
        if all(_is_free(address, port, each) for each in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return port
    raise AssertionError("no port is free")


def _is_free(address: str, port: int, kind: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _own_first() -> int:
    """``gw1`` is the second of several processes; a process alone begins anywhere, as others may run beside it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw")) if worker else os.getpid()
    return _FIRST + number % _MOST_PROCESSES * _SPAN
