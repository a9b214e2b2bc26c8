"""What goes out on a connection: through its transport, or straight to the socket."""

from __future__ import annotations

import socket
from typing import cast

from twisted.internet.interfaces import ISystemHandle, ITransport


class Sending:
    """Writes whole messages, in order."""

    __slots__ = ("_socket", "_transport")

    def __init__(self, transport: ITransport) -> None:
        self._transport = transport
        self._socket: socket.socket | None = None

    def go_straight(self) -> None:
        """From now on what is sent goes to the socket at once, without the reactor's waiting until it can be
        written, as long as the socket takes all of it. Only in clear, as TLS has buffers of its own, and while
        the transport has nothing left to send."""
        self._socket = cast(socket.socket, ISystemHandle(self._transport).getHandle())

    def go_by_transport(self) -> None:
        """Before TLS begins."""
        self._socket = None

    def write(self, data: bytes) -> None:
        if self._socket is not None:
            data = self._send(self._socket, data)
        if data:
            self._transport.write(data)

    def _send(self, handle: socket.socket, data: bytes) -> bytes:
        """What is left for the transport to send, or to fail with; it is in charge from then on."""
        try:
            left = data[handle.send(data) :]
        except OSError:
            left = data
        if left:
            self._socket = None
        return left
