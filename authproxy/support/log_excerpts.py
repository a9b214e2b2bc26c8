"""Lines of the daemon's log files: of a span of time, of one login, or of one user."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MOST_BYTES = 32 * 1024 * 1024  # of each log, the newest
_MOST_CRASHES = 100
_LOGIN_ID = re.compile(r"\b[A-Z2-7]{10}\b")
_TIME_LENGTH = 19  # 2026-11-24T08:25:22


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines since then (epoch seconds); with ``login_ids``, of these logins, and what tells of ``name``."""

    since: float = 0.0
    login_ids: frozenset[str] | None = None
    name: str = ""

    def is_in(self, line: str) -> bool:
        if self.login_ids is not None:
            is_one = any(word in self.login_ids for word in _LOGIN_ID.findall(line))
            return is_one or (bool(self.name) and _speaks_of(self.name, line))
        at = moment_of(line)
        return at is None or at >= self.since


def _speaks_of(name: str, line: str) -> bool:
    return re.search(rf"(?i)(?<![\w.-]){re.escape(name)}(?![\w-])", line) is not None


def moment_of(line: str) -> float | None:
    """When a line was written: it begins with the time, or is a JSON object that has it. None: it goes on from the
    line before, or nobody can tell."""
    text = line[:_TIME_LENGTH]
    if line.startswith("{"):
        try:
            event = json.loads(line)
        except ValueError:
            return None
        text = str(event.get("timestamp") or event.get("time") or "")[:_TIME_LENGTH]
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def log_files(log_dir: Path, name: str) -> list[Path]:
    """``name`` and its rotated predecessors, the oldest first."""
    rotated = [path for path in log_dir.glob(f"{name}.*") if path.suffix[1:].isdigit()]
    return [*sorted(rotated, key=lambda path: -int(path.suffix[1:])), *filter(Path.is_file, [log_dir / name])]


def lines(
    paths: Iterable[Path], is_wanted: Callable[[str], bool], most: int = MOST_BYTES
) -> tuple[list[str], int]:
    """The wanted lines, and how many of the oldest had to be left out. A file that can't be read has none."""
    found: list[str] = []
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="backslashreplace") as file:
                found += [line.rstrip("\n") for line in file if is_wanted(line)]
        except OSError:
            continue
    size = 0
    for number, line in enumerate(reversed(found)):
        size += len(line) + 1
        if size > most:
            return found[len(found) - number :], len(found) - number
    return found, 0


def crashes(paths: Iterable[Path]) -> list[str]:
    """The newest lines that tell of a bug: tracebacks and critical events."""
    found, _ = lines(paths, lambda line: "Traceback (most recent call last)" in line or "[critical]" in line)
    return found[-_MOST_CRASHES:]


def names_in_events(events: Iterable[str]) -> Iterator[str]:
    """User names of ``authevents.log``."""
    for line in events:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("username"), str):
            yield event["username"]
