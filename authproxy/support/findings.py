"""What was tried at a peer, what came of it, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from authproxy.model import JsonValue


class Level(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """``tried``: what was done, ``result``: what came of it, ``seconds``: how long it took where that tells
    something, ``advice``: what to do."""

    level: Level
    tried: str
    result: str
    seconds: float | None = None
    advice: str = ""

    def render(self) -> str:
        took = "" if self.seconds is None else f" ({self.seconds * 1000:.0f} ms)"
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.tried}: {self.result}{took}{advice}"


@dataclass(slots=True)
class Findings:
    """Those of one section. ``title`` is what the section is called in its verdict. ``now``: seconds of a
    monotonic clock."""

    section: str
    title: str
    now: Callable[[], float] = field(repr=False)
    found: list[Finding] = field(default_factory=list)

    def info(self, tried: str, result: str, since: float | None = None) -> None:
        self._add(Level.INFO, tried, result, since, "")

    def warn(self, tried: str, result: str, advice: str = "", since: float | None = None) -> None:
        self._add(Level.WARN, tried, result, since, advice)

    def error(self, tried: str, result: str, advice: str = "", since: float | None = None) -> None:
        self._add(Level.ERROR, tried, result, since, advice)

    def _add(self, level: Level, tried: str, result: str, since: float | None, advice: str) -> None:
        seconds = None if since is None else self.now() - since
        self.found.append(Finding(level, tried, result, seconds, advice))

    def count(self, level: Level) -> int:
        return sum(finding.level is level for finding in self.found)

    @property
    def verdict(self) -> str:
        if not self.found:
            return "No testing to be done for section."
        problems = self.count(Level.ERROR)
        if problems:
            return f"The {self.title} has connectivity problems."
        return f"The {self.title} has no connectivity problems."

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "section": self.section,
            "title": self.title,
            "tried": [{**asdict(finding), "level": str(finding.level)} for finding in self.found],
        }
