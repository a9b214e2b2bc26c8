"""Syslog messages on their way to another host: UDP, TCP or TLS, from a thread that nobody waits for."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, TextIO

from authproxy.config.settings import SyslogSettings
from authproxy.errors import ConfigError
from authproxy.syslog_message import LARGEST_DATAGRAM, framed, shortened

MOST_WAITING: Final = 10_000
_TIMEOUT: Final = 10.0  # to connect, and to get one message away
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_GOODBYE: Final = 1.0
_COMPLAIN_EVERY: Final = 60.0


class SyslogSender:
    """``send`` never waits: what finds no room in the queue is lost, and counted.

    A message that left while the connection broke may be lost uncounted, or come twice: syslog knows no answers.
    It complains on standard error, once a minute at most, for its own log may be what it can't send.
    """

    def __init__(
        self,
        settings: SyslogSettings,
        most_waiting: int = MOST_WAITING,
        first_pause: float = _FIRST_PAUSE,
        complaints: TextIO | None = None,
    ) -> None:
        """Raises ConfigError when the certificate authorities can't be used. ``first_pause``: seconds before it
        connects again; then twice as long each time."""
        self._settings = settings
        self._tls = _tls(settings) if settings.transport == "tls" else None
        self._waiting: deque[bytes] = deque()
        self._most = most_waiting
        self._first_pause = first_pause
        self._complaints = complaints or sys.stderr
        self._complained = -_COMPLAIN_EVERY
        self._has_news = threading.Condition()
        self._is_stopping = False
        self._socket: socket.socket | None = None
        self.sent = 0
        self.lost = 0
        self._thread = threading.Thread(target=self._work, name="syslog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, message: bytes) -> None:
        """From any thread."""
        with self._has_news:
            if len(self._waiting) >= self._most or self._is_stopping:
                self.lost += 1
                return
            self._waiting.append(message)
            self._has_news.notify()

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    def stop(self, seconds: float = 2.0) -> None:
        """Waits as long for what is still to be sent; the rest is lost."""
        with self._has_news:
            self._is_stopping = True
            self._has_news.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)

    # ------------------------------------------------------------ in the thread

    def _work(self) -> None:
        pauses = self._pauses()
        while (message := self._next()) is not None:
            try:
                self._deliver(message)
            except OSError as error:
                self._drop_connection()
                self._complain(error)
                if self._is_stopping:
                    break
                self._pause(next(pauses))
            else:
                self._sent_first()
                pauses = self._pauses()
        with self._has_news:
            self.lost += len(self._waiting)
            self._waiting.clear()
        self._say_goodbye()
        self._drop_connection()

    def _next(self) -> bytes | None:
        """The first message, which stays in the queue until it is away; None: it is time to end."""
        with self._has_news:
            while not self._waiting and not self._is_stopping:
                self._has_news.wait()
            return self._waiting[0] if self._waiting else None

    def _sent_first(self) -> None:
        with self._has_news:
            self._waiting.popleft()
            self.sent += 1

    def _deliver(self, message: bytes) -> None:
        if self._socket is not None and self._settings.transport != "udp" and _is_closed(self._socket):
            self._drop_connection()
        if self._socket is None:
            self._socket = self._connect()
        if self._settings.transport == "udp":
            self._socket.send(shortened(message, LARGEST_DATAGRAM))
        else:
            self._socket.sendall(framed(message))

    def _connect(self) -> socket.socket:
        where = self._settings.host, self._settings.port
        if self._settings.transport == "udp":
            family, _, _, _, address = socket.getaddrinfo(*where, type=socket.SOCK_DGRAM)[0]
            datagrams = socket.socket(family, socket.SOCK_DGRAM)
            datagrams.connect(address)
            return datagrams
        plain = socket.create_connection(where, _TIMEOUT)
        if self._tls is None:
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=self._settings.host)
        except BaseException:
            plain.close()
            raise

    def _say_goodbye(self) -> None:
        """RFC 5425 4.4: so that the server knows that nothing was cut off."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self._socket.settimeout(_GOODBYE)
                self._socket.unwrap()

    def _drop_connection(self) -> None:
        opened, self._socket = self._socket, None
        if opened is not None:
            with suppress(OSError):
                opened.close()

    def _pauses(self) -> Iterator[float]:
        pause = self._first_pause
        while True:
            yield pause
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._has_news:
            while not self._is_stopping and (left := end - time.monotonic()) > 0:
                self._has_news.wait(left)

    def _complain(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._complained >= _COMPLAIN_EVERY:
            self._complained = now
            where = f"{self._settings.host}:{self._settings.port} ({self._settings.transport})"
            text = f"authproxy: can't send the log to {where}: {error}; {self.lost} messages lost so far"
            print(text, file=self._complaints)


def _is_closed(opened: socket.socket) -> bool:
    """Whether the server has hung up: it has nothing else to say. What TLS itself has to say is taken in."""
    opened.settimeout(0)
    try:
        return opened.recv(4096) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        opened.settimeout(_TIMEOUT)


def _tls(settings: SyslogSettings) -> ssl.SSLContext:
    file = settings.ca_certs_file
    try:
        context = ssl.create_default_context(cafile=str(file) if file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"syslog_ca_certs_file: {file} can't be used: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
