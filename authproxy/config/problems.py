"""What is wrong with a configuration file, and where: one value per problem, rendered as one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

_BEFORE_HOST = re.compile(r"[^\s/@:'\"]*:(?!//)[^\s/@]*@")
_OF_QUERY = re.compile(r"([?&][^=&\s]*)=[^&\s]*")
_SHOWN_LENGTH = 80
_MESSAGE_LENGTH = 500


class Severity(StrEnum):
    """An error keeps the file from being used; a warning is worth a look; info explains."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. ``line`` counts from 1; ``section`` and ``key`` are empty where there is none.

    ``found`` and ``wanted`` are ready to be shown: a secret is masked before it gets here.
    """

    severity: Severity
    file: str
    line: int
    section: str
    key: str
    message: str
    found: str = ""
    wanted: str = ""

    def render(self) -> str:
        """``file:line: [section] key: message (found ..., wanted ...)``."""
        place = f"{self.file}:{self.line}:"
        if self.section:
            place += f" [{self.section}]"
        if self.key:
            place += f" {self.key}:"
        facts = [f"{word} {text}" for word, text in (("found", self.found), ("wanted", self.wanted)) if text]
        return f"{place} {self.message}" + (f" ({', '.join(facts)})" if facts else "")


@dataclass(slots=True)
class Findings:
    """Collects the problems of one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(
        self,
        severity: Severity,
        line: int,
        section: str,
        key: str,
        message: str,
        found: str = "",
        wanted: str = "",
    ) -> None:
        told = printable(message, _MESSAGE_LENGTH)  # it may quote names of the file
        self.problems.append(
            Problem(severity, self.file, line, printable(section), printable(key), told, found, wanted)
        )

    def error(self, line: int, section: str, key: str, message: str, found: str = "", wanted: str = "") -> None:
        self.add(Severity.ERROR, line, section, key, message, found, wanted)

    def warning(self, line: int, section: str, key: str, message: str, found: str = "", wanted: str = "") -> None:
        self.add(Severity.WARNING, line, section, key, message, found, wanted)

    def info(self, line: int, section: str, key: str, message: str) -> None:
        self.add(Severity.INFO, line, section, key, message)


def printable(text: str, longest: int = _SHOWN_LENGTH) -> str:
    """Text of a file, safe to print: cut short, with control and invisible characters escaped."""
    cut = text if len(text) <= longest else text[: longest - 3] + "..."
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)


def quoted(text: str) -> str:
    """A value as it is shown: of an address neither the password before its host nor what its query says."""
    text = _BEFORE_HOST.sub("*****@", text)
    if "://" in text:
        text = _OF_QUERY.sub(r"\1=*****", text)
    return f"'{printable(text)}'"


def masked(secret: str) -> str:
    """What is shown of a secret: its length, which tells a truncated one."""
    return f"*****[{len(secret)}]"


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """By line; problems of one line keep the order in which they were found."""
    return sorted(problems, key=lambda problem: problem.line)
