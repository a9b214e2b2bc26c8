"""A reload: the file is read and checked in a thread, and takes effect as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.cli.opening import Opened
from authproxy.config.changes import changes
from authproxy.errors import AuthproxyError, ConfigError
from authproxy.log import Logging
from authproxy.radius.attributes import Dictionary
from authproxy.running.outcome import Outcome
from authproxy.service import Service, load_dictionary

T = TypeVar("T")

InThread = Callable[[Callable[[], T]], Deferred[T]]

NO_CHANGE = "the file says what it said before; files that it names were read anew"

_log = Logger()


class Reloading:
    """One after the other. ``read`` blocks: it finds, checks and decrypts the configuration."""

    def __init__(
        self,
        service: Service,
        logs: Logging,
        opened: Opened,
        read: Callable[[], Opened],
        in_thread: InThread[tuple[Opened, Dictionary]],
    ) -> None:
        self.opened = opened
        self._service = service
        self._logs = logs
        self._read = read
        self._in_thread = in_thread
        self._is_under_way = False

    async def reload(self) -> Outcome:
        """Never raises what is the configuration's fault."""
        if self._is_under_way:
            return Outcome(False, "a reload is under way already")
        self._is_under_way = True
        try:
            return await self._apply()
        except AuthproxyError as error:
            report = getattr(error, "report", None)
            text = report() if callable(report) else str(error)
            for line in text.splitlines():
                _log.error("not reloaded: {problem}", problem=line)
            return Outcome(False, text)
        finally:
            self._is_under_way = False

    async def _apply(self) -> Outcome:
        opened, dictionary = await self._in_thread(self._read_all)
        self._check_key(opened)
        for problem in opened.problems:
            _log.warn("{problem}", problem=problem.render())
        settings = opened.settings
        self._service.change(settings, dictionary)
        try:
            self._logs.change(settings.main, settings.wants_debug)
        except ConfigError as error:  # logins are served by the new file: only its log stays where it was
            _log.error("{problem}; the log stays where it was", problem=str(error))
        lines = changes(self.opened.entries, opened.entries) or [NO_CHANGE]
        self.opened = opened
        for line in lines:
            _log.info("reloaded: {change}", change=line)
        return Outcome(True, "\n".join(lines))

    def _read_all(self) -> tuple[Opened, Dictionary]:
        opened = self._read()
        return opened, load_dictionary(opened.settings)

    def _check_key(self, opened: Opened) -> None:
        if opened.seed_key != self.opened.seed_key:
            raise ConfigError("[service] seed_key can't be changed: what is stored could not be read any more")

    def reopen_logs(self) -> None:
        """logrotate has put the files aside."""
        for file in (*self._logs.files, *self._service.log_files):
            file.reopen()
