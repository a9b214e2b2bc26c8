"""A syslog server of our own: takes octet-counted messages over TCP or TLS, and datagrams over UDP."""

from __future__ import annotations

import queue
import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass

# RFC 5424 6: the grammar, as one expression.
_NAME = r"[!-<>-\\^-~]{1,32}"  # SD-NAME: printable without = ] " and blank
_PARAM = rf' {_NAME}="(?:[^"\\\]]|\\["\\\]])*"'
GRAMMAR = re.compile(
    rf"<(?P<priority>[0-9]{{1,3}})>1 "
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<kind>[!-~]{1,32}) "
    rf"(?P<data>-|(?:\[{_NAME}(?:{_PARAM})*\])+)"
    r"(?: (?P<text>.*))?\Z",
    re.DOTALL,
)


@dataclass(frozen=True)
class Message:
    severity: int
    facility: int
    kind: str
    host: str
    data: dict[str, str]
    text: str

    @classmethod
    def of(cls, raw: bytes) -> Message:
        match = GRAMMAR.match(raw.decode("utf-8"))
        assert match, raw
        priority = int(match["priority"])
        assert priority <= 191
        pairs = re.findall(r' ([^ =]+)="((?:[^"\\\]]|\\.)*)"', match["data"])
        data = {name: re.sub(r"\\(.)", r"\1", value) for name, value in pairs}
        return cls(priority % 8, priority // 8, match["kind"], match["host"], data, match["text"] or "")


class Receiver:
    """``messages`` as they came; ``ends``: how clients left. ``hang_up`` ends the connections that are open."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.messages: queue.Queue[bytes] = queue.Queue()
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self.ends: list[str] = []
        self.connections: list[tuple[str, int]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def next(self) -> Message:
        return Message.of(self.messages.get(timeout=60))

    def hang_up(self) -> None:
        for opened in self._open:
            with suppress(OSError):  # the other side was first
                opened.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                opened, peer = self._listening.accept()
            except OSError:
                return
            if self._context is not None:
                try:
                    opened = self._context.wrap_socket(opened, server_side=True, suppress_ragged_eofs=False)
                except OSError:
                    opened.close()
                    continue
            self._open.append(opened)
            self.connections.append(peer)
            threading.Thread(target=self._read, args=(opened,), daemon=True).start()

    def _read(self, opened: socket.socket) -> None:
        with opened, opened.makefile("rb") as stream:
            try:
                while length := _count(stream):
                    self.messages.put(stream.read(length))
                self.ends.append("properly")
            except (OSError, ValueError):
                self.ends.append("cut off")


def _count(stream: object) -> int:
    """MSG-LEN of RFC 5425 4.3: no leading zero, ended by one blank."""
    digits = b""
    while (octet := stream.read(1)) not in (b"", b" "):  # type: ignore[attr-defined]
        digits += octet
    assert digits == b"" or re.fullmatch(rb"[1-9][0-9]*", digits), digits
    return int(digits or b"0")
