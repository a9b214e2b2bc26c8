"""The daemon: a service that can be reloaded and replaced, and that says how it is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from authproxy import __version__
from authproxy.assembly.ports import Sockets
from authproxy.cli.opening import Opened, open_configuration
from authproxy.errors import AuthproxyError, ConfigError
from authproxy.log import Logging, start_logging
from authproxy.running.announcement import listeners
from authproxy.running.control import ControlPort
from authproxy.running.health import Watchdog
from authproxy.running.inheritance import Inheritance
from authproxy.running.notify import Notifier
from authproxy.running.outcome import Outcome
from authproxy.running.predecessor import Restart
from authproxy.running.reload import Reloading
from authproxy.running.successor import Succession, say_failed
from authproxy.running.talk import NotRunning, call
from authproxy.service import build
from authproxy.support.commands import SupportCommands

_GRACE_SECONDS = 5.0  # more than appliances wait

Command = Callable[[], Coroutine[Any, Any, Mapping[str, object]]]

_log = Logger()


class Daemon:
    """Made when everything is checked and open; ``begin`` once the event loop turns."""

    def __init__(
        self, config: Path | None, opened: Opened, logs: Logging, inheritance: Inheritance, reactor: Reactor
    ) -> None:
        """Raises ConfigError, StoreUnavailable."""
        self._config = config
        self.logs = logs
        self._reactor = reactor
        self._link = inheritance.link
        sockets = Sockets(inheritance.sockets)
        self._service = build(opened.settings, opened.seed_key, reactor, sockets, waits=True)
        for name in sockets.close():
            _log.info("an inherited socket is of no use: {name}", name=name)
        self._service.metrics.states.log = logs.state
        self._notify = Notifier()
        self._began = reactor.seconds()
        self._reloading = Reloading(
            self._service,
            logs,
            opened,
            lambda: open_configuration(config, may_ask=False),
            partial(deferToThreadPool, reactor, reactor.getThreadPool()),
        )
        self._restart: Restart | None = None
        self._control = ControlPort(
            {
                "status": self._status,
                "reload": self._reload,
                "restart": self._be_replaced,
                "reopen": self._reopen,
                "stop": self._stop,
            },
            SupportCommands(self._service.ground.desk, self._service.metrics, reactor.seconds).named(),
        )
        self._watchdog = Watchdog(self._notify, self._problem, self._told, reactor)

    @classmethod
    def open(cls, config: Path | None, inheritance: Inheritance, reactor: Reactor) -> Daemon:
        """Raises AuthproxyError; a daemon that was to be replaced has been told then, and goes on."""
        try:
            opened = open_configuration(config)
            settings = opened.settings
            if inheritance.link is None:
                _be_alone(settings.service.state_dir)
            logs = start_logging(settings.main, settings.wants_debug)
            for problem in opened.problems:
                _log.warn("{problem}", problem=problem.render())
            return cls(config, opened, logs, inheritance, reactor)
        except AuthproxyError as error:
            if inheritance.link is not None:
                report = getattr(error, "report", None)
                say_failed(inheritance.link, report() if callable(report) else str(error))
            raise

    @property
    def opened(self) -> Opened:
        return self._reloading.opened

    # ------------------------------------------------------------ the beginning

    def begin(self, ready: Callable[[str], None]) -> None:
        """``ready`` is called when logins are served."""
        for number, command in ((signal.SIGHUP, self._reload), (signal.SIGUSR2, self._be_replaced)):
            signal.signal(number, lambda *_, command=command: self._from_signal(command))
        self._reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(self._end()))
        serve = partial(self._serve, ready)
        if self._link is None:
            serve()
        else:
            Succession(self._service, serve, self._reactor.stop).begin(self._reactor, self._link)

    def _serve(self, ready: Callable[[str], None]) -> None:
        settings = self.opened.settings
        try:
            self._control.listen(self._reactor, settings.service.state_dir)
        except ConfigError as error:
            _log.error("{problem}: authproxyctl will not find this process", problem=str(error))
        for file in (*self.logs.files, *self._service.log_files):
            file.reopen()
        self._service.go_on()
        places = ", ".join(listeners(settings, self._service)) or "no server section is configured"
        text = f"authproxy {__version__} is ready: {places}"
        _log.info("{text}", text=text)
        ready(text)
        self._watchdog.start()
        self._notify(READY=1, STATUS=self._told())

    # ------------------------------------------------------------ what it is told to do

    def _from_signal(self, command: Command) -> None:
        self._reactor.callFromThread(self._do, command)  # type: ignore[no-untyped-call]

    def _do(self, command: Command) -> None:
        doing: Deferred[object] = Deferred.fromCoroutine(command())
        doing.addErrback(lambda failure: _log.failure("a signal", failure))

    async def _reload(self) -> Mapping[str, object]:
        self._notify.reloading()
        self._reloading.reopen_logs()
        outcome = await self._reloading.reload()
        self._notify(READY=1, STATUS=self._told() if outcome.is_done else f"not reloaded: {_first(outcome.text)}")
        return _answer(outcome)

    async def _reopen(self) -> Mapping[str, object]:
        self._reloading.reopen_logs()
        return _answer(Outcome(True, "log files reopened"))

    async def _stop(self) -> Mapping[str, object]:
        self._reactor.callLater(0, self._leave_loop)  # type: ignore[no-untyped-call]
        return _answer(Outcome(True, "stopping"))

    async def _status(self) -> Mapping[str, object]:
        settings = self.opened.settings
        return {
            "done": not self._problem(),
            "text": self._problem() or self._told(),
            "pid": os.getpid(),
            "version": __version__,
            "uptime": round(self._reactor.seconds() - self._began, 1),
            "config": str(settings.path),
            "pending": self._service.assembly.pending,
            "listeners": listeners(settings, self._service),
        }

    async def _be_replaced(self) -> Mapping[str, object]:
        if self._restart is not None:
            return _answer(Outcome(False, "a restart is under way already"))
        command = [sys.executable, "-m", "authproxy", "run", "--config", str(self.opened.settings.path)]
        self._restart = Restart(self._service, command, os.environ, self._leave, self._reactor, self._reactor)
        outcome = await self._restart.run()
        if outcome.is_done:
            self._reactor.callLater(0, self._do, self._finish)  # type: ignore[no-untyped-call]
        else:
            self._restart = None
        return _answer(outcome)

    def _leave(self, pid: int) -> None:
        """The next one is the daemon from now on."""
        _log.info("process {pid} takes over; this one finishes what it has begun", pid=pid)
        self._watchdog.stop()
        for file in (*self.logs.files, *self._service.log_files):
            file.leave_rotation()
        self._notify(MAINPID=pid)
        self._notify = Notifier({})

    async def _finish(self) -> Mapping[str, object]:
        assert self._restart is not None
        self._control.stop()
        await self._service.finish(self._service.longest_login + _GRACE_SECONDS)
        self._restart.close()
        self._leave_loop()
        return {}

    def _leave_loop(self) -> None:
        if self._reactor.running:  # nobody else was faster
            self._reactor.stop()  # type: ignore[no-untyped-call]

    async def _end(self) -> None:
        self._notify(STOPPING=1, STATUS="stopping")
        self._watchdog.stop()
        if self._restart is not None:
            self._restart.abandon()
        self._control.stop()
        await self._service.stop()

    # ------------------------------------------------------------ how it is

    def _problem(self) -> str:
        return "" if self._service.ground.embedded.writer.is_alive else "the database's thread has ended"

    def _told(self) -> str:
        pending = self._service.assembly.pending
        ports = len(self._service.listening())
        return f"{ports} ports open, {pending} logins pending"


def _be_alone(state_dir: Path) -> None:
    """Raises ConfigError if another daemon is at work there."""
    try:
        talk = call(state_dir)
    except NotRunning:
        return
    talk.close()
    raise ConfigError(f"authproxy (process {talk.pid}) runs already with state_dir {state_dir}")


def _answer(outcome: Outcome) -> Mapping[str, object]:
    return {"done": outcome.is_done, "text": outcome.text}


def _first(text: str) -> str:
    return text.partition("\n")[0]
