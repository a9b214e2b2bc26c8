"""``docs/cli.md``: every command with its arguments and options, written from the commands themselves.

``python -m authproxy.cli.reference [DIRECTORY]`` rewrites it below DIRECTORY (default: the working directory).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from authproxy.cli import main

REFERENCE = Path("docs/cli.md")

_HEAD = """\
# Every command's options

<!-- Written by `python -m authproxy.cli.reference` from authproxy/cli: change it there. -->

What `authproxy COMMAND -h` says. [commands.md](commands.md) has examples, and the keys of what `--json` prints.
"""


def reference() -> str:
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands(main))])


def commands(group: click.Group, prefix: str = "authproxy") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name, in order."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{prefix} {name}", command


def _section(name: str, command: click.Command) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(click.Context(command))])
    lines = [f"## {name}", "", inspect.cleandoc(command.help or "").replace("\b\n", ""), "", f"`{usage}`", ""]
    rows = [_row(option) for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if rows:
        lines += ["| option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(option: click.Option) -> str:
    context = click.Context(click.Command(""))
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    meaning = option.help or ""
    default = option.get_default(context, call=False)
    if option.required:
        meaning += " (needed)"
    elif isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        meaning += f" (default: {default})"
    cells = (f"`{', '.join(option.opts)}{value}`", meaning.strip())
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def write(directory: Path) -> None:
    (directory / REFERENCE).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
