"""What systemd is told (sd_notify): ready, reloading, alive. Without systemd nobody is told anything."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress


class Notifier:
    """Sends to the socket that ``$NOTIFY_SOCKET`` names. Never blocks, never fails."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog_seconds = _seconds(environ.get("WATCHDOG_USEC", ""))

    def __call__(self, **fields: str | int) -> None:
        """``READY=1, STATUS="..."``."""
        if not self._address:
            return
        lines = "\n".join(f"{name}={value}" for name, value in fields.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(lines.encode(), address)

    def reloading(self) -> None:
        self(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)


def _seconds(microseconds: str) -> float:
    """0: nobody watches."""
    return int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
