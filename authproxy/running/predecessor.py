"""A restart, seen from the daemon that leaves: it starts the next one with its own sockets, waits until that has
checked and opened everything, tells it what it must know of the logins under way, and finishes these."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorSocket, IReactorTime
from twisted.logger import Logger

from authproxy.assembly.ports import Place
from authproxy.running.inheritance import bequest
from authproxy.running.link import Link, Message
from authproxy.running.outcome import Outcome
from authproxy.service import Service

PATIENCE: Final = 90.0  # for the next one to become ready

_log = Logger()


class Restart:
    """One attempt. ``command`` starts the next daemon; ``leaving`` is told its process number, when nothing can go
    wrong any more and before it serves."""

    def __init__(
        self,
        service: Service,
        command: Sequence[str],
        environ: Mapping[str, str],
        leaving: Callable[[int], None],
        reactor: IReactorSocket,
        clock: IReactorTime,
        patience: float = PATIENCE,
    ) -> None:
        self._service = service
        self._command = command
        self._environ = environ
        self._leaving = leaving
        self._reactor = reactor
        self._clock = clock
        self._patience = patience
        self._link = Link(self._heard, self._lost)
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: Deferred[None] = Deferred()
        self._served: Deferred[None] = Deferred()
        self._why = ""

    async def run(self) -> Outcome:
        """When the next one serves, or has failed: then everything is as it was."""
        self._start()
        try:
            await self._ready.addTimeout(self._patience, self._clock)
        except Exception as error:  # a Deferred that timed out, or what the next one said
            return self._failed(error)
        assert self._process is not None
        self._hand_over(self._process.pid)
        await self._served
        return Outcome(True, f"process {self._process.pid} serves now")

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        numbers = self._service.listening()
        environ = {**self._environ, **bequest(theirs.fileno(), numbers)}
        self._process = subprocess.Popen(
            self._command, env=environ, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(), *numbers)
        )
        theirs.close()
        self._link.open(self._reactor, ours)

    def _failed(self, error: Exception) -> Outcome:
        assert self._process is not None
        late = f"the new process was not ready within {self._patience:g} seconds"
        why = self._why or (late if not isinstance(error, _Ended) else str(error))
        self._process.kill()
        self._process.wait()
        self._link.close()
        for line in why.splitlines():
            _log.error("not restarted: {problem}", problem=line)
        return Outcome(False, why)

    # ------------------------------------------------------------ what the next one says

    def _heard(self, message: Message) -> None:
        match message:
            case {"ready": _} if not self._ready.called:
                self._ready.callback(None)
            case {"failed": why}:
                self._why = str(why)
            case {"serves": _}:
                self._served.callback(None)
            case {"take back": datagram, "from": [host, port], "at": at}:
                server = self._service.assembly.doors.radius.get(Place(*at))
                if server is not None:
                    server.datagramReceived(bytes.fromhex(datagram), (host, port))

    def _lost(self) -> None:
        if not self._ready.called:
            self._ready.errback(_Ended("the new process ended before it was ready"))
        elif not self._served.called:
            self._served.callback(None)  # whoever looks after it sees that it is gone

    # ------------------------------------------------------------ handing over

    def _hand_over(self, pid: int) -> None:
        """In one go: nothing is read between what is told and the end of reading."""
        self._service.ports.pause()
        for place, server in self._service.assembly.doors.radius.items():
            server.leave(lambda piece, at=place: self._link.say(at=at, piece=piece))  # type: ignore[misc]
        self._leaving(pid)
        self._link.say(go=True)

    def close(self) -> None:
        """What was to be finished is finished."""
        self._link.close()

    def abandon(self) -> None:
        """This daemon is being stopped: so is the one that was to follow."""
        if self._process is not None and not self._ready.called:
            os.kill(self._process.pid, signal.SIGKILL)


class _Ended(Exception):
    """The next process is gone."""
