"""``authproxy check``: what is wrong with a configuration file, all of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import click

from authproxy.cli.owner_check import owner_problem
from authproxy.config import locate
from authproxy.config.build import examine
from authproxy.config.problems import Problem, Severity
from authproxy.config.values import Checked
from authproxy.errors import ConfigError

_HEADINGS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.INFO: "Notes"}


@click.command()
@click.option("--config", "config", type=click.Path(path_type=Path), help="the file to check")
@click.option("--syntax-only", is_flag=True, help="do not look at the files and directories it names")
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
@click.pass_context
def command(ctx: click.Context, config: Path | None, syntax_only: bool, as_json: bool) -> None:
    """Check a configuration file.

    Exit status 0: it can be used, perhaps with warnings; 1: it has errors, or can't be read.
    """
    try:
        path = locate.find(config)
        checked = examine(path, syntax_only=syntax_only)
        if not syntax_only:
            checked = _with_owners(path, checked)
    except ConfigError as error:
        _unreadable(str(config or ""), str(error), as_json=as_json)
        ctx.exit(1)
    click.echo(_as_json(checked) if as_json else _as_text(checked))
    ctx.exit(0 if checked.usable else 1)


def _with_owners(path: Path, checked: Checked) -> Checked:
    problem = owner_problem(path, checked)
    return checked if problem is None else replace(checked, problems=(*checked.problems, problem))


def _unreadable(file: str, message: str, *, as_json: bool) -> None:
    if as_json:
        problem = Problem(Severity.ERROR, file, 0, "", "", message)
        click.echo(_document(file, False, [problem]))
    else:
        click.echo(f"Error: {message}", err=True)


def _as_json(checked: Checked) -> str:
    return _document(checked.file, checked.usable, checked.problems)


def _document(file: str, valid: bool, problems: Iterable[Problem]) -> str:
    shown = []
    for problem in problems:
        fields = asdict(problem)
        del fields["file"]
        shown.append(fields)
    return json.dumps({"file": file, "valid": valid, "problems": shown}, indent=2)


def _as_text(checked: Checked) -> str:
    lines: list[str] = []
    counts = []
    for severity, heading in _HEADINGS.items():
        problems = [problem for problem in checked.problems if problem.severity is severity]
        if problems:
            lines += [f"{heading}:", *(f"  {problem.render()}" for problem in problems), ""]
        if problems or severity is not Severity.INFO:
            counts.append(_count(len(problems), heading))
    verdict = "can be used" if checked.usable else "can't be used"
    lines.append(f"{checked.file} {verdict}: {', '.join(counts)}.")
    return "\n".join(lines)


def _count(number: int, heading: str) -> str:
    noun = heading.lower()
    return f"{number or 'no'} {noun.removesuffix('s') if number == 1 else noun}"
