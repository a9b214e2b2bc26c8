"""The connectivity tool's output: lines that people and their scripts know, or one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from authproxy.config.ini import Document
from authproxy.config.problems import Problem, Severity
from authproxy.config.values import Checked
from authproxy.model import JsonValue
from authproxy.support.findings import Findings, Level
from authproxy.support.redaction import redacted_section, without_inline_secrets

FIRST = "Running the authproxy connectivity tool. This may take several minutes..."
INVALID = "Configuration validation was not successful"
RULE = "-----------------------------"
_LEVELS = {Severity.ERROR: Level.ERROR, Severity.WARNING: Level.WARN, Severity.INFO: Level.INFO}


def line(level: Level, text: str) -> str:
    """``[info]  text``: the texts of all levels begin in one column."""
    return f"{f'[{level}]':8}{text}"


def configuration_lines(document: Document, checked: Checked) -> Iterator[str]:
    """Pass 1: each section as it was read, without its secrets, and what is wrong with it."""
    for section in document.sections:
        shown = redacted_section(document, section.name)
        yield line(Level.INFO, f"Testing section '{section.name}' with configuration:")
        yield line(Level.INFO, repr(shown))
        problems = [problem for problem in checked.problems if problem.section == section.name]
        yield from map(_problem, problems)
        if not any(problem.severity is Severity.ERROR for problem in problems):
            yield line(Level.INFO, "There are no configuration problems")
        yield line(Level.INFO, RULE)
    names = {section.name for section in document.sections}
    yield from (_problem(problem) for problem in checked.problems if problem.section not in names)
    if not checked.usable:
        yield line(Level.ERROR, INVALID)


def section_lines(findings: Findings) -> Iterator[str]:
    """Pass 2: what was tried of one section, and the verdict."""
    yield line(Level.INFO, f"Testing section '{findings.section}':")
    for finding in findings.found:
        yield line(finding.level, finding.render())
    level = Level.ERROR if findings.count(Level.ERROR) else Level.INFO
    yield line(level, findings.verdict)
    yield line(Level.INFO, RULE)


def summary_lines(checked: Checked, sections: Sequence[Findings]) -> Iterator[str]:
    yield line(Level.INFO, "SUMMARY")
    told = [_problem(problem) for problem in checked.problems if problem.severity is not Severity.INFO]
    for findings in sections:
        told += [
            line(finding.level, f"{findings.section}: {finding.render()}")
            for finding in findings.found
            if finding.level is not Level.INFO
        ]
    yield from told or [line(Level.INFO, "No issues detected")]


def exit_status(checked: Checked, sections: Iterable[Findings]) -> int:
    """0: in order; 1: the configuration can't be used; 2: a peer can't."""
    if not checked.usable:
        return 1
    return 2 if any(findings.count(Level.ERROR) for findings in sections) else 0


def as_json(checked: Checked, sections: Sequence[Findings]) -> dict[str, JsonValue]:
    result = ("ok", "configuration", "connectivity")[exit_status(checked, sections)]
    return {
        "file": checked.file,
        "result": result,
        "problems": [
            {
                "severity": str(problem.severity),
                "line": problem.line,
                "section": problem.section,
                "key": problem.key,
                "message": without_inline_secrets(problem.render()),
            }
            for problem in checked.problems
        ],
        "sections": [findings.as_json() for findings in sections],
    }


def _problem(problem: Problem) -> str:
    """What was found may be a URL with a password in it."""
    return line(_LEVELS[problem.severity], without_inline_secrets(problem.render()))
