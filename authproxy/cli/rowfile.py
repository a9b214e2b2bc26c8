"""Importing a file of rows: all of them or none, and every bad one told by its line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from authproxy.cli.context import Shell
from authproxy.secondfactor.refusals import BadValue, NotDone
from authproxy.secondfactor.rows import BadRow, Columns, Row, read_csv, read_yaml

_LARGEST = 50_000_000

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def read_rows(file: Path, columns: Columns) -> tuple[list[Row], list[BadRow]]:
    """CSV, or YAML if it is called so. Raises BadValue, NotDone."""
    try:
        if file.stat().st_size > _LARGEST:
            raise BadValue(f"{file} is larger than {_LARGEST} bytes")
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"{file} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise NotDone(f"{file} can't be read: {error.strerror}") from None
    return (read_yaml if file.suffix in (".yaml", ".yml") else read_csv)(text, columns)


def refuse(shell: Shell, file: Path, bad: list[BadRow]) -> None:
    """Tells the bad rows in order, and ends with exit status 1."""
    bad = sorted(bad, key=lambda row: row.line)
    if not shell.as_json:
        for row in bad:
            click.echo(f"{file}:{row.line}: {row.problem}", err=True)
    rows = "1 bad row" if len(bad) == 1 else f"{len(bad)} bad rows"
    shell.fail(f"nothing was imported: {rows}", rows=[asdict(row) for row in bad])
