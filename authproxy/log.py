"""Where log events go: ``authproxy.log``, standard output, syslog. Named fields only, one event per line.

A text line is ``2026-11-24T08:25:22.123+00:00 [info] [LOGINID] message``: the ISO time comes first because
scripts cut it off by column.
"""

from __future__ import annotations

import json
import logging
import sys
import syslog
import time
from collections.abc import Callable
from typing import TextIO

from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogPublisher,
    formatEvent,
    globalLogBeginner,
)
from zope.interface import implementer

from authproxy.config.settings import MainSettings
from authproxy.linefile import LineFile

_LINE_LIMIT = 8192
_SYSLOG_PRIORITY = {
    LogLevel.debug: syslog.LOG_DEBUG,
    LogLevel.info: syslog.LOG_INFO,
    LogLevel.warn: syslog.LOG_WARNING,
    LogLevel.error: syslog.LOG_ERR,
    LogLevel.critical: syslog.LOG_CRIT,
}

LineSink = Callable[[str], None]


class Stamp:
    """ISO 8601 times in UTC with milliseconds; the seconds are formatted once per second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, when: float) -> str:
        second = int(when)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((when - second) * 1000):03d}+00:00"


def printable(text: str) -> str:
    """One line, whatever a peer put into a name: control characters are shown as escapes, length is bounded."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= _LINE_LIMIT else text[:_LINE_LIMIT] + "..."


def message_of(event: LogEvent) -> str:
    """The text of an event on one line, with the traceback of a failure behind it."""
    text = printable(_formatted(event))
    failure = event.get("log_failure")
    if failure is not None:
        text = f"{text} | {printable(failure.getTraceback())}"
    return text


def _formatted(event: LogEvent) -> str:
    """What ``formatEvent`` gives, for our own plain formats at a tenth of the price."""
    if _is_ours(event):
        try:
            return str(event["log_format"]).format_map(event)
        except (LookupError, ValueError, AttributeError, TypeError):
            pass
    return formatEvent(event)


class TextLine:
    """An event as a line for people."""

    def __init__(self) -> None:
        self._stamp = Stamp()

    def __call__(self, event: LogEvent) -> str:
        login = event.get("login")
        where = f" [{login}]" if login else ""
        level = event["log_level"].name
        return f"{self._stamp(event['log_time'])} [{level}]{where} {message_of(event)}"


class JsonLine:
    """An event as one JSON object: time, level, message, where it came from, and its named plain fields."""

    def __init__(self) -> None:
        self._stamp = Stamp()

    def __call__(self, event: LogEvent) -> str:
        shown: dict[str, object] = {
            "time": self._stamp(event["log_time"]),
            "level": event["log_level"].name,
            "message": message_of(event),
            "logger": event.get("log_namespace", ""),
        }
        for key, value in event.items():
            if not key.startswith("log_") and isinstance(value, str | int | float | bool):
                shown.setdefault(key, value)
        return json.dumps(shown, ensure_ascii=False)


@implementer(ILogObserver)
class Lines:
    """Turns events into lines for one sink; leaves out what is below the level and Twisted's small talk."""

    def __init__(self, form: Callable[[LogEvent], str], sink: LineSink, level: LogLevel) -> None:
        self._form = form
        self._sink = sink
        self._level = level

    def __call__(self, event: LogEvent) -> None:
        level = event["log_level"]
        if level < self._level or (level < LogLevel.warn and not _is_ours(event)):
            return
        self._sink(self._form(event))


def _is_ours(event: LogEvent) -> bool:
    return str(event.get("log_namespace", "")).startswith("authproxy")


@implementer(ILogObserver)
class Syslog:
    """The host's syslog, with the event's level as priority."""

    def __init__(self, facility: str, level: LogLevel) -> None:
        syslog.openlog("authproxy", syslog.LOG_PID, getattr(syslog, facility))
        self._level = level

    def __call__(self, event: LogEvent) -> None:
        level = event["log_level"]
        if level < self._level or (level < LogLevel.warn and not _is_ours(event)):
            return
        login = event.get("login")
        text = message_of(event)
        syslog.syslog(_SYSLOG_PRIORITY[level], f"[{login}] {text}" if login else text)


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
        self._publisher = LogPublisher()
        self._files: list[LineFile] = []

    def __call__(self, event: LogEvent) -> None:
        self._publisher(event)

    def change(self, settings: MainSettings, is_debug: bool, stdout: TextIO | None = None) -> None:
        """Goes on as ``[main]`` says. Raises ConfigError if the log file can't be written: nothing has changed
        then."""
        level = LogLevel.debug if is_debug else LogLevel.info
        files, observers = [], list[ILogObserver]()
        if settings.log_file and settings.log_dir is not None:
            file = LineFile(settings.log_dir / "authproxy.log", settings.log_max_size, settings.log_max_files)
            files.append(file)
            observers.append(Lines(TextLine(), file.write, level))
        if settings.log_stdout:
            form = TextLine() if settings.log_stdout_format == "text" else JsonLine()
            observers.append(Lines(form, _line_printer(stdout or sys.stdout), level))
        if settings.log_syslog:
            observers.append(Syslog(settings.syslog_facility, level))
        self._publisher, self._files, old = LogPublisher(*observers), files, self._files
        for each in old:
            each.close()

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
