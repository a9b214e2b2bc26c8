"""Files of lines: rotated here or by somebody else, and written by two processes while one takes over."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from twisted.python.logfile import LogFile

from authproxy.errors import ConfigError

_COMPLAIN_EVERY = 60.0


class LineFile:
    """A rotated file of lines. A full disk or a vanished directory costs lines, never a login.

    Complains on standard error at most once a minute while it can't write.
    """

    def __init__(self, path: Path, max_size: int, max_files: int, complaints: TextIO | None = None) -> None:
        self._complaints = complaints or sys.stderr
        self._complained = -_COMPLAIN_EVERY
        self.lost = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._file = _AppendedFile(  # type: ignore[no-untyped-call]
                path.name,
                str(path.parent),
                rotateLength=max_size,
                defaultMode=0o640,
                maxRotatedFiles=max_files or None,
            )
        except OSError as error:
            raise ConfigError(f"can't write the log file {path}: {error.strerror}; see [main] log_dir") from error
        self._path = path

    def write(self, line: str) -> None:
        try:
            self._file.write(f"{line}\n".encode("utf-8", "backslashreplace"))
        except (OSError, AttributeError, ValueError) as error:  # the others: it was closed, and can't be opened
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        self.lost += 1
        now = time.monotonic()
        if now - self._complained >= _COMPLAIN_EVERY:
            self._complained = now
            print(f"authproxy: can't write {self._path}: {error}; {self.lost} lines lost", file=self._complaints)

    def reopen(self) -> None:
        """Goes on in whatever file is at the path now: logrotate has put the old one aside."""
        try:
            self._file.reopen()  # type: ignore[no-untyped-call]
        except OSError as error:
            self._complain(error)

    def leave_rotation(self) -> None:
        """Another process rotates it from now on; this one writes into the file it has."""
        self._file.rotateLength = None

    def close(self) -> None:
        if not self._file.closed:
            self._file.close()  # type: ignore[no-untyped-call]


class _AppendedFile(LogFile):
    """Every line goes to the end of the file, wherever another process has moved that meanwhile: but for rotation
    it takes no lock."""

    def write(self, data: bytes) -> None:
        if self.shouldRotate():  # type: ignore[no-untyped-call]
            super().write(data)  # type: ignore[no-untyped-call]
        else:
            self._file.write(data)
            self.size += len(data)

    def _openFile(self) -> None:
        super()._openFile()  # type: ignore[no-untyped-call]
        number = self._file.fileno()
        fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)
