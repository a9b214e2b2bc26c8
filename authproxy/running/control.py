"""The control socket, ``<state_dir>/control.sock``: whoever may open it may reload, restart and stop the daemon.

One JSON object a line, in both directions: ``{"do": "reload"}`` is answered by ``{"done": true, "text": "..."}``.
What else is in the object tells the command more: ``{"do": "debug", "action": "on", "user": "alice"}``.
The connection stays open until the client hangs up or the daemon ends.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorSocket
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from authproxy.errors import ConfigError

NAME = "control.sock"

Answer = Mapping[str, object]
Details = Mapping[str, object]
Command = Callable[[], Awaitable[Answer]]
Question = Callable[[Details], Answer]

_log = Logger()


class ControlPort(ServerFactory):
    """``commands``: what can be asked for; ``questions``: what is answered at once, and may want to know more."""

    noisy = False

    def __init__(self, commands: Mapping[str, Command], questions: Mapping[str, Question] | None = None) -> None:
        self.commands = commands
        self.questions = questions or {}
        self._entrance: _Entrance | None = None
        self._path: Path | None = None
        self._identity = (0, 0)

    def buildProtocol(self, addr: IAddress | None) -> Session:
        return Session(self.commands, self.questions)

    def listen(self, reactor: IReactorSocket, state_dir: Path) -> None:
        """In the place of whoever listened there before. Raises ConfigError."""
        self._path = state_dir / NAME
        try:
            opened = _bind(state_dir)
            at = self._path.stat()
        except OSError as error:
            raise ConfigError(f"the control socket {self._path} can't be opened: {error.strerror}") from error
        self._identity = at.st_dev, at.st_ino
        self._entrance = _Entrance(opened, self, reactor)

    def stop(self) -> None:
        """Sessions stay as they are."""
        if self._entrance is None or self._path is None:
            return
        with suppress(OSError):
            at = self._path.stat()
            if (at.st_dev, at.st_ino) == self._identity:  # else it is another process's by now
                self._path.unlink()
        self._entrance.close()
        self._entrance = None


class _Entrance(FileDescriptor):
    """Accepts. Twisted's own port for such sockets would open them to everybody."""

    def __init__(self, opened: socket.socket, sessions: ServerFactory, reactor: IReactorSocket) -> None:
        super().__init__(reactor)  # type: ignore[arg-type]
        self._opened = opened
        self._sessions = sessions
        self._streams = reactor
        self.startReading()  # type: ignore[no-untyped-call]

    def fileno(self) -> int:
        return self._opened.fileno()

    def doRead(self) -> None:
        with suppress(OSError):
            session, _ = self._opened.accept()
            with session:
                session.setblocking(False)
                self._streams.adoptStreamConnection(session.fileno(), socket.AF_UNIX, self._sessions)

    def close(self) -> None:
        self.stopReading()  # type: ignore[no-untyped-call]
        self._opened.close()


class Session(LineOnlyReceiver):
    """One client."""

    delimiter = b"\n"
    MAX_LENGTH = 4096

    def __init__(self, commands: Mapping[str, Command], questions: Mapping[str, Question]) -> None:
        self._commands = commands
        self._questions = questions

    def lineReceived(self, line: bytes) -> None:
        asked = _asked(line)
        name = str(asked.get("do", ""))
        command, question = self._commands.get(name), self._questions.get(name)
        if question is not None:
            asking = Deferred.fromCoroutine(_answered(question, asked))
        elif command is not None:
            asking = Deferred.fromCoroutine(_await(command))
        else:
            known = ", ".join((*self._commands, *self._questions))
            self._say({"done": False, "text": f"can't do that; wanted one of {known}"})
            return
        asking.addCallbacks(self._say, self._failed)

    def _failed(self, failure: Failure) -> None:
        _log.failure("control", failure)
        self._say({"done": False, "text": "an internal error; see the log"})

    def _say(self, answer: Answer) -> None:
        if self.transport is not None and self.connected:
            self.sendLine(json.dumps(answer, ensure_ascii=False).encode())  # type: ignore[no-untyped-call]


async def _await(command: Command) -> Answer:
    return await command()


async def _answered(question: Question, details: Details) -> Answer:
    return question(details)


def _asked(line: bytes) -> Details:
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}


def _bind(state_dir: Path) -> socket.socket:
    """For this user only; there in one step, so that nobody finds the place empty."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    temporary = state_dir / f".control-{os.getpid()}"
    try:
        temporary.unlink(missing_ok=True)
        with short(temporary) as path:
            opened.bind(path)
        temporary.chmod(0o600)  # nobody can connect before listen()
        opened.listen(16)
        opened.setblocking(False)
        temporary.rename(state_dir / NAME)
    except BaseException:
        opened.close()
        raise
    return opened


@contextmanager
def short(path: Path) -> Iterator[str]:
    """A name for the socket at ``path`` that fits into the 107 bytes there are for it."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
