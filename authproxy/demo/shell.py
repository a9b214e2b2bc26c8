"""The command line, as an administrator would use it beside the running daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


class Shell:
    """Runs ``authproxy`` commands on the demonstration's configuration, and shows them as they would be typed."""

    def __init__(self, config: Path, show: Callable[[str], None]) -> None:
        self._config = config
        self._show = show

    def run(self, *words: str) -> dict[str, object]:
        """The JSON that the command prints. Blocks. Raises RuntimeError with what went wrong."""
        self._show(f"  $ authproxy {' '.join(words)}")
        return self.ask(*words)

    def ask(self, *words: str) -> dict[str, object]:
        """The same, and nothing is shown."""
        done = subprocess.run(
            [sys.executable, "-m", "authproxy", *words, "--config", str(self._config), "--json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"authproxy {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer
