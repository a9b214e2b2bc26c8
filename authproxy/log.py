"""Where log events go: ``authproxy.log``, standard output, the host's syslog and a syslog server elsewhere."""

from __future__ import annotations

import logging
import sys
import syslog
from collections.abc import Callable
from typing import TextIO

from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogPublisher,
    globalLogBeginner,
)
from zope.interface import implementer

from authproxy.config.settings import MainSettings
from authproxy.linefile import LineFile
from authproxy.log_remote import LogVolume, RemoteSyslog, SyslogLine
from authproxy.log_text import JsonLine, TextLine, is_wanted, message_of
from authproxy.metrics_state import LogState

_SYSLOG_PRIORITY = {
    LogLevel.debug: syslog.LOG_DEBUG,
    LogLevel.info: syslog.LOG_INFO,
    LogLevel.warn: syslog.LOG_WARNING,
    LogLevel.error: syslog.LOG_ERR,
    LogLevel.critical: syslog.LOG_CRIT,
}

LineSink = Callable[[str], None]


@implementer(ILogObserver)
class Wanted:
    """Leaves out what is below the level and Twisted's small talk: looked at once, for all observers."""

    def __init__(self, level: LogLevel, *observers: ILogObserver) -> None:
        self._level = level
        self._publisher = LogPublisher(*observers)

    def __call__(self, event: LogEvent) -> None:
        if is_wanted(event, self._level):
            self._publisher(event)


@implementer(ILogObserver)
class Lines:
    """Turns events into lines for one sink."""

    def __init__(self, form: Callable[[LogEvent], str], sink: LineSink) -> None:
        self._form = form
        self._sink = sink

    def __call__(self, event: LogEvent) -> None:
        self._sink(self._form(event))


@implementer(ILogObserver)
class Syslog:
    """The host's syslog, with the event's level as priority."""

    def __init__(self, facility: str) -> None:
        syslog.openlog("authproxy", syslog.LOG_PID, getattr(syslog, facility))

    def __call__(self, event: LogEvent) -> None:
        login, text = event.get("login"), message_of(event)
        syslog.syslog(_SYSLOG_PRIORITY[event["log_level"]], f"[{login}] {text}" if login else text)


class _Forward(logging.Handler):
    """Hands what libraries log through the standard library to our observers."""

    _log = Logger(namespace="authproxy.library")

    def emit(self, record: logging.LogRecord) -> None:
        level = LogLevel.error if record.levelno >= logging.ERROR else LogLevel.warn
        self._log.emit(level, "{library}: {text}", library=record.name, text=record.getMessage())


@implementer(ILogObserver)
class Logging:
    """Where events go at the moment; that may change while the daemon runs."""

    def __init__(self) -> None:
        self._wanted = Wanted(LogLevel.info)
        self._files: list[LineFile] = []
        self._syslog = SyslogLine()
        self._volume = LogVolume()
        self._lost_before = 0

    def __call__(self, event: LogEvent) -> None:
        self._wanted(event)

    def change(self, settings: MainSettings, is_debug: bool, stdout: TextIO | None = None) -> None:
        """Goes on as ``[main]`` says. Raises ConfigError if the log file can't be written, or what syslog needs be
        read: nothing has changed then."""
        level = LogLevel.debug if is_debug else LogLevel.info
        files, observers = [], list[ILogObserver]()
        if settings.log_file and settings.log_dir is not None:
            file = LineFile(settings.log_dir / "authproxy.log", settings.log_max_size, settings.log_max_files)
            files.append(file)
            observers.append(Lines(TextLine(), file.write))
        if settings.log_stdout:
            form = TextLine() if settings.log_stdout_format == "text" else JsonLine()
            observers.append(Lines(form, _line_printer(stdout or sys.stdout)))
        if settings.log_syslog:
            observers.append(Syslog(settings.syslog_facility))
        sender = self._syslog.use(settings.syslog)
        if sender is not None:
            observers.append(RemoteSyslog(sender, settings.syslog_facility))
        observers.append(self._volume)
        self._wanted, self._files, old = Wanted(level, *observers), files, self._files
        for each in old:
            self._lost_before += each.lost
            each.close()

    def state(self) -> LogState:
        """For the figures."""
        lost = self._lost_before + sum(file.lost for file in self._files)
        return LogState(self._volume.lines, {"file": lost, "syslog": self._syslog.lost})

    def close(self) -> None:
        """At the very end: waits a moment for what is still to be sent."""
        self._syslog.close()

    @property
    def files(self) -> list[LineFile]:
        return list(self._files)


def start_logging(settings: MainSettings, is_debug: bool, stdout: TextIO | None = None) -> Logging:
    """Begins logging as ``[main]`` says. Raises ConfigError if the log file can't be written."""
    logs = Logging()
    logs.change(settings, is_debug, stdout)
    globalLogBeginner.beginLoggingTo([logs], discardBuffer=True, redirectStandardIO=False)
    root = logging.getLogger()
    root.addHandler(_Forward(level=logging.WARNING))
    return logs


def _line_printer(stream: TextIO) -> LineSink:
    def write(line: str) -> None:
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):  # the reader of our output is gone; the service goes on
            return

    return write
