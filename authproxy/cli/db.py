"""``authproxy db``: the version of the database, and bringing it to this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.store.engine import sqlite_path

if TYPE_CHECKING:
    from authproxy.store.upgrade import SchemaStatus


@click.group("db")
def command() -> None:
    """The database of the embedded service."""


@command.command("status")
@service_command
def status(shell: Shell) -> None:
    """Show what version the database is at, and what an upgrade would do. Changes nothing."""
    from authproxy.store.upgrade import status as find_status

    url = shell.opened.settings.service.database
    found = find_status(url)
    shown = _shown(url, found)
    lines = [f"{shown['database']}: {_version(found.found)}, wanted {found.wanted}"]
    lines += [f"to be run: {migration}" for migration in found.pending]
    shell.show(shown, "\n".join(lines))


@command.command("upgrade")
@service_command
def upgrade(shell: Shell) -> None:
    """Bring the database to this version: everything that is pending, or nothing. Stop the daemon first.

    A database that holds something is copied beforehand, to FILE.VERSION.bak beside it.
    """
    from authproxy.store.upgrade import upgrade as run

    url = shell.opened.settings.service.database
    before = run(url)
    path = sqlite_path(url)
    copy = f"{path}.{before.found}.bak" if before.pending and before.found is not None else None
    if before.pending:
        with shell.writing() as connection:
            note(connection, shell_actor(), "db upgrade", "", {"before": before.found, "after": before.wanted})
    lines = [f"done: {migration}" for migration in before.pending]
    lines += [f"the database from before is {copy}"] if copy else []
    lines.append(f"{path}: version {before.wanted}")
    shell.show(
        {
            "database": str(path),
            "before": before.found,
            "version": before.wanted,
            "done": [*before.pending],
            "copy": copy,
        },
        "\n".join(lines),
    )


def _shown(url: str, found: SchemaStatus) -> Shown:
    return {
        "database": str(sqlite_path(url)),
        "version": found.found,
        "wanted": found.wanted,
        "pending": [*found.pending],
    }


def _version(found: str | None) -> str:
    return "empty" if found is None else f"version {found}"
