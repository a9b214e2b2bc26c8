"""``authproxy db``: the version of the database, and bringing it to this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.settings import defaults_of
from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.store.engine import sqlite_path
from authproxy.store.statements import Connection as RawConnection

if TYPE_CHECKING:
    from authproxy.store.retention import Due
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


@command.command("prune")
@click.option("--dry-run", "is_dry", is_flag=True, help="tell how many, delete nothing")
@service_command
def prune(shell: Shell, is_dry: bool) -> None:
    """Delete records that have been kept long enough, as the daemon does four times a day.

    How long is in the settings `log_retention_days`, `message_retention_days`, `telephony_retention_days` and
    `audit_retention_days` (`authproxy settings`). Few are deleted at a time: logins go on meanwhile.
    """
    from authproxy.secondfactor.account_settings import read_settings
    from authproxy.secondfactor.embedded import kept_of
    from authproxy.store.retention import due, prune_at_once

    with shell.reading() as connection:
        kept = kept_of(read_settings(connection, defaults_of(shell)).service())
    found: dict[str, int] = {}
    for each in due(kept, time.time()):
        count = _counted(shell, each) if is_dry else prune_at_once(each, lambda step: _changed(shell, step))
        found[each.name] = found.get(each.name, 0) + count
    told: dict[str, JsonValue] = {name: count for name, count in found.items() if count}
    if told and not is_dry:
        with shell.writing() as connection:
            note(connection, shell_actor(), "db prune", "", told)
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in told.items()) or "nothing"
    done = "would delete" if is_dry else "deleted"
    shell.show({done.replace(" ", "_"): told}, f"{done} {words}")


def _counted(shell: Shell, each: Due) -> int:
    with shell.reading() as connection:
        return each.counted(_raw(connection))


def _changed(shell: Shell, step: Callable[[RawConnection], int]) -> int:
    with shell.writing() as connection:
        return step(_raw(connection))


def _raw(connection: sa.Connection) -> RawConnection:
    raw: RawConnection = connection.connection.driver_connection  # type: ignore[assignment]
    return raw


def _shown(url: str, found: SchemaStatus) -> Shown:
    return {
        "database": str(sqlite_path(url)),
        "version": found.found,
        "wanted": found.wanted,
        "pending": [*found.pending],
    }


def _version(found: str | None) -> str:
    return "empty" if found is None else f"version {found}"
