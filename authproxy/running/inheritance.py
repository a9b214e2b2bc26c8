"""Sockets that were open before this process began: from systemd (socket units), or from the daemon before it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

FROM_BEFORE: Final = "AUTHPROXY_INHERITS"
_FIRST = 3  # where systemd puts them
_OF_SYSTEMD = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID")


@dataclass(frozen=True, slots=True)
class Inheritance:
    """``link``: to the daemon that is to be replaced; None: there is none."""

    sockets: tuple[socket.socket, ...] = ()
    link: socket.socket | None = field(default=None)

    @classmethod
    def take(cls, environ: MutableMapping[str, str] = os.environ) -> Inheritance:
        """What the environment speaks of; afterwards it does not, so that no process of ours looks for it."""
        before, mine = environ.pop(FROM_BEFORE, ""), environ.get("LISTEN_PID") == str(os.getpid())
        count = environ.get("LISTEN_FDS", "") if mine else ""
        for name in _OF_SYSTEMD:
            environ.pop(name, None)
        if before:
            link, *numbers = [int(number) for number in before.split(",")]
            return cls(tuple(_adopted(numbers)), socket.socket(fileno=link))
        numbers = list(range(_FIRST, _FIRST + int(count))) if count.isdecimal() else []
        return cls(tuple(_adopted(numbers)))


def bequest(link: int, numbers: Iterable[int]) -> dict[str, str]:
    """The environment in which the next process finds these file descriptors."""
    return {FROM_BEFORE: ",".join(str(number) for number in (link, *numbers))}


def _adopted(numbers: Iterable[int]) -> Iterator[socket.socket]:
    """Those that are sockets."""
    for number in numbers:
        with suppress(OSError):
            os.set_inheritable(number, False)
            yield socket.socket(fileno=number)
