"""Importing a file of rows: all of them or none, and every bad one told by its line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from authproxy.cli.context import Shell
from authproxy.secondfactor.refusals import BadValue, NotDone
from authproxy.secondfactor.rows import BadRow, Columns, Row, read_csv, read_yaml

_LARGEST = 50_000_000
_LONGEST_SECRET = 10_000

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def read_rows(file: Path, columns: Columns) -> tuple[list[Row], list[BadRow]]:
    """CSV, or YAML if it is called so. Raises BadValue, NotDone."""
    try:
        text = read_bytes(file, _LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"{file} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    return (read_yaml if file.suffix in (".yaml", ".yml") else read_csv)(text, columns)


def read_bytes(file: Path, most: int) -> bytes:
    """Raises BadValue, NotDone."""
    try:
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        raise NotDone(f"{file} can't be read: {error.strerror}") from None
    if len(data) > most:
        raise BadValue(f"{file} is larger than {most} bytes")
    return data


def read_line(file: Path) -> str:
    """The first line of a file that holds a secret. Raises BadValue, NotDone."""
    try:
        line = read_bytes(file, _LONGEST_SECRET).decode("utf-8-sig").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise BadValue(f"{file} is no UTF-8 text") from None
    if not line:
        raise BadValue(f"{file} has nothing on its first line")
    return line


def read_key(text: str) -> bytes:
    """Hexadecimal. Raises BadValue."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadValue("the key is not hexadecimal") from None


def refuse(shell: Shell, file: Path, bad: list[BadRow]) -> None:
    """Tells the bad rows in order, and ends with exit status 1."""
    bad = sorted(bad, key=lambda row: row.line)
    if not shell.as_json:
        for row in bad:
            click.echo(f"{file}:{row.line}: {row.problem}", err=True)
    rows = "1 bad row" if len(bad) == 1 else f"{len(bad)} bad rows"
    shell.fail(f"nothing was imported: {rows}", rows=[asdict(row) for row in bad])
