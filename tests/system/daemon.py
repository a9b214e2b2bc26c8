"""The real daemon as a process of its own, with its configuration in a directory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

READY = "is ready"


class Daemon:
    """``authproxy run`` and the commands beside it, on one configuration file."""

    def __init__(self, directory: Path, config: str, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "authproxy.cfg"
        self.config.write_text(config, encoding="utf-8")
        self.config.chmod(0o600)
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self, wait: float = 60.0) -> Daemon:
        """Returns when the daemon says that it is ready."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "authproxy", "run", "--config", str(self.config)],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process, ready), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + wait
        while not ready.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError("the daemon did not become ready:\n" + "".join(self.output))
        return self

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        """Until the process ends."""
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line)
                if READY in line:
                    ready.set()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        assert self.process is not None
        assert self._reader is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(60)
        self._reader.join(60)
        return status

    def command(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """``authproxy ARGUMENTS --config FILE``."""
        done = subprocess.run(
            [sys.executable, "-m", "authproxy", *arguments, "--config", str(self.config)],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str) -> dict[str, object]:
        """The JSON object that a command prints."""
        shown = json.loads(self.command(*arguments, "--json").stdout)
        assert isinstance(shown, dict)
        return shown

    def log(self) -> str:
        return "".join(
            path.read_text(encoding="utf-8", errors="replace") for path in self.directory.glob("**/*.log*")
        ) + "".join(self.output)
