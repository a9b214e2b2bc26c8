"""The log on its way to a syslog server elsewhere, and how much there is of it."""

from __future__ import annotations

import os
import socket
from collections import Counter

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from authproxy.config.settings import SyslogSettings
from authproxy.log_text import message_of
from authproxy.syslog_message import SyslogForm
from authproxy.syslog_sender import SyslogSender


@implementer(ILogObserver)
class RemoteSyslog:
    """Sends events as messages of syslog."""

    def __init__(self, sender: SyslogSender, facility: str) -> None:
        self._sender = sender
        self._form = SyslogForm(facility, socket.gethostname(), os.getpid())

    def __call__(self, event: LogEvent) -> None:
        level = event["log_level"].name
        self._sender.send(self._form(event["log_time"], level, message_of(event), event))


@implementer(ILogObserver)
class LogVolume:
    """Counts events by level."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter({level.name: 0 for level in LogLevel.iterconstants()})

    def __call__(self, event: LogEvent) -> None:
        self.lines[event["log_level"].name] += 1


class SyslogLine:
    """The one sender there is at a time. With the same settings it stays, and what it has still to send."""

    def __init__(self) -> None:
        self._settings: SyslogSettings | None = None
        self._sender: SyslogSender | None = None
        self._lost_by: list[SyslogSender] = []

    def use(self, settings: SyslogSettings | None) -> SyslogSender | None:
        """Raises ConfigError: then all is as before. Waits for nothing: the sender before ends by itself."""
        if settings != self._settings:
            sender = SyslogSender(settings) if settings is not None else None
            self.close(0)
            self._settings, self._sender = settings, sender
            if sender is not None:
                self._lost_by.append(sender)
                sender.start()
        return self._sender

    @property
    def lost(self) -> int:
        return sum(sender.lost for sender in self._lost_by)

    def close(self, seconds: float = 2.0) -> None:
        """Waits as long for what is still to be sent."""
        if self._sender is not None:
            self._sender.stop(seconds)
            self._settings = self._sender = None
