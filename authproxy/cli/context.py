"""What the commands of the embedded service share: configuration and store, output, and how they fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy import Connection

from authproxy.cli.opening import Opened, open_configuration
from authproxy.errors import AuthproxyError
from authproxy.model import JsonValue
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import Database

Command = TypeVar("Command", bound=Callable[..., None])
Shown = dict[str, JsonValue]


def service_command(function: Command) -> Command:
    """Adds ``--config`` and ``--json``, hands the command a :class:`Shell`; what is raised on purpose becomes
    one line and exit status 1."""

    @wraps(function)
    def run(config: Path | None, as_json: bool, **values: object) -> None:
        shell = Shell(config, as_json)
        try:
            function(shell, **values)
        except AuthproxyError as error:
            shell.fail(str(error))
        except UnicodeEncodeError:  # bytes of an argument that were no text
            shell.fail("an argument is not UTF-8")

    with_json = click.option("--json", "as_json", is_flag=True, help="print JSON")(run)
    path = click.Path(path_type=Path)
    return click.option("--config", type=path, help="the configuration file")(with_json)  # type: ignore[return-value]


@dataclass(slots=True)
class Shell:
    """One run of a command."""

    config: Path | None
    as_json: bool
    _opened: Opened | None = None

    @property
    def opened(self) -> Opened:
        """The configuration. Raises ConfigError or SecretError."""
        if self._opened is None:
            self._opened = open_configuration(self.config)
        return self._opened

    @property
    def mode(self) -> str:
        """How user names are normalized."""
        return self.opened.settings.service.username_normalization

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the database. Raises ConfigError, StoreUnavailable."""
        with self._database() as database, database.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed at the end, undone by an exception. Raises ConfigError, StoreUnavailable."""
        with self._database() as database, database.writing() as connection:
            yield connection

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = Database(self.opened.settings.service.database)
        try:
            yield database
        finally:
            database.close()

    def seeds(self) -> SeedBox:
        """What seals seeds and hashes codes."""
        return SeedBox(self.opened.seed_key)

    def show(self, shown: Shown, text: str) -> None:
        """One object: as JSON, or as ``text``."""
        click.echo(json.dumps(shown, ensure_ascii=False) if self.as_json else text)

    def show_fields(self, shown: Shown) -> None:
        """One object: as JSON, or with a line for each of its fields."""
        self.show(shown, "\n".join(f"{key:14} {_cell(value)}" for key, value in shown.items()))

    def show_list(self, name: str, rows: list[Shown], columns: list[str], nothing: str) -> None:
        """Many: as ``{name: [...]}``, or as a table of ``columns``; ``nothing`` when there are none."""
        if self.as_json:
            click.echo(json.dumps({name: rows}, ensure_ascii=False))
        else:
            click.echo(table(rows, columns) if rows else nothing)

    def fail(self, message: str, **more: JsonValue) -> None:
        """One line on standard error (and ``{"error": ...}`` with --json), exit status 1."""
        if self.as_json:
            click.echo(json.dumps({"error": message, **more}, ensure_ascii=False))
        click.echo(f"authproxy: {message}", err=True)
        sys.exit(1)


def table(rows: list[Shown], columns: list[str]) -> str:
    """Rows in aligned columns under a heading."""
    lines = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)
