"""Every file of ``corpus/``: its verdict, and each problem on the line below the ``;!`` that announces it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from authproxy.config import ini
from authproxy.config.problems import Problem, Severity
from authproxy.config.validate import check

FILES = sorted((Path(__file__).parent / "corpus").glob("*.cfg"))
MARK = re.compile(r"\s*;!(1?) (error|warning) (.*)")


def announced(text: str) -> list[tuple[int, str, str]]:
    """(line, severity, part of the rendered problem), in order."""
    found, waiting = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        match = MARK.match(line)
        if match and match[1]:
            found.append((1, match[2], match[3]))
        elif match:
            waiting.append((match[2], match[3]))
        else:
            found += [(number, *mark) for mark in waiting]
            waiting = []
    return found


def place(problem: Problem) -> tuple[int, str]:
    return problem.line, str(problem.severity)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_file_has_its_verdict_and_exactly_the_announced_problems(file: Path, ending: str) -> None:
    text = file.read_text(encoding="utf-8")
    checked = check(ini.parse(text.replace("\n", ending), file.name), syntax_only=True)
    problems = [problem for problem in checked.problems if problem.severity is not Severity.INFO]
    expected = announced(text)
    rendered = "\n".join(problem.render() for problem in problems)
    assert sorted(map(place, problems)) == sorted(mark[:2] for mark in expected), rendered
    for line, severity, part in expected:
        assert any(place(problem) == (line, severity) and part in problem.render() for problem in problems), (
            f"{part!r} is not in\n{rendered}"
        )
    assert checked.usable == ("verdict: valid" in text)


def test_corpus_holds_both_verdicts() -> None:
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    assert sum("verdict: valid" in text for text in texts) >= 8
    assert sum("verdict: error" in text for text in texts) >= 15
