"""What a process has used: CPU seconds and memory, from /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_NICE_END = 5.0


class Process:
    """A child process that is started, watched, and ended by its ID."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.pid = self._popen.pid

    def wait_until(self, is_ready: Callable[[], bool], seconds: float = 20.0) -> float:
        """How long it took. Raises RuntimeError with the process's own last words."""
        started = time.monotonic()
        while not is_ready():
            if self._popen.poll() is not None or time.monotonic() - started > seconds:
                self.stop()
                raise RuntimeError(
                    f"{self.name} did not start:\n{self._log.read_text('utf-8', 'replace')[-3000:]}"
                )
            time.sleep(0.01)
        return time.monotonic() - started

    def cpu(self) -> float:
        """User and system seconds so far."""
        return cpu_of(self.pid)

    def rss(self, peak: bool = False) -> float:
        """Megabytes (10^6 bytes) in memory; the most it ever had with ``peak``."""
        wanted = "VmHWM:" if peak else "VmRSS:"
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(wanted):
                return int(line.split()[1]) * 1024 / 1e6
        return 0.0

    def stop(self) -> None:
        if self._popen.poll() is not None:
            return
        self._popen.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_NICE_END)
            return
        self._popen.kill()
        self._popen.wait()


def cpu_of(pid: int) -> float:
    """User and system seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def free_port(kind: int) -> int:
    """``socket.SOCK_STREAM`` or ``socket.SOCK_DGRAM``."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
