"""The other end of the control socket: asks a running daemon."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from authproxy.errors import AuthproxyError
from authproxy.running.control import NAME, short

_ANSWER_SECONDS = 5.0


class NotRunning(AuthproxyError):
    """Nobody listens. ``was_there``: a daemon has ended without cleaning up."""

    def __init__(self, state_dir: Path, was_there: bool) -> None:
        self.was_there = was_there
        super().__init__(f"no authproxy is running with state_dir {state_dir}")


class NoAnswer(AuthproxyError):
    """The daemon is there and does not answer; ``pid`` is its process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        super().__init__(f"authproxy (process {pid}) runs, but does not answer")


@dataclass(slots=True)
class Talk:
    """A connection to the daemon. ``pid``: who listened there when it was opened."""

    pid: int
    _socket: socket.socket

    def ask(
        self, command: str, seconds: float = _ANSWER_SECONDS, details: Mapping[str, object] | None = None
    ) -> Mapping[str, object]:
        """``details``: what else the command is told. Raises NoAnswer."""
        self._socket.settimeout(seconds)
        try:
            self._socket.sendall(json.dumps({**(details or {}), "do": command}).encode() + b"\n")
            received = b""
            while not received.endswith(b"\n"):
                part = self._socket.recv(65_536)
                if not part:
                    raise NoAnswer(self.pid)
                received += part
        except OSError:
            raise NoAnswer(self.pid) from None
        answer = json.loads(received)
        assert isinstance(answer, dict)
        return answer

    def wait_for_end(self, seconds: float) -> bool:
        """Whether the daemon has ended within that time."""
        self._socket.settimeout(seconds)
        try:
            while self._socket.recv(4096):
                pass
        except ConnectionError:
            return True
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


def call(state_dir: Path) -> Talk:
    """Raises NotRunning; AuthproxyError when this user may not."""
    path = state_dir / NAME
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with short(path) as name:
            opened.connect(name)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        opened.close()
        raise NotRunning(state_dir, isinstance(error, ConnectionRefusedError)) from None
    except OSError as error:
        opened.close()
        raise AuthproxyError(f"{path}: {error.strerror}: run this as root or as the daemon's user") from None
    peer = opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, _uid, _gid = struct.unpack("3i", peer)
    return Talk(pid, opened)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
