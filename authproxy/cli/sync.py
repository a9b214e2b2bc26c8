"""``authproxy sync``: users from directories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
import sqlalchemy as sa

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.sync_running import Terminal, sync_of
from authproxy.cli.sync_settings import as_json, described, only_client, settings_options
from authproxy.model import JsonValue
from authproxy.secondfactor import directories, sync_runs
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.sync_runs import Mode, Run

_RUNS = ["id", "mode", "started", "ended", "status", "read", "added", "changed", "disabled", "problem"]


@click.group("sync")
def command() -> None:
    """Users from Active Directory or another LDAP directory."""


@command.command("add")
@click.argument("name")
@settings_options
@service_command
def add(shell: Shell, name: str, **values: Any) -> None:
    """Add a directory. Nothing is read until the first `sync run`."""
    directory = described(shell, Directory(name, client=only_client(shell)), values)
    with shell.writing() as connection:
        added = directories.add_directory(connection, directory)
        note(connection, shell_actor(), "directory add", added.name, added.settings())
    shell.show(as_json(added), f"added {added.name} ({added.id}); try `authproxy sync run {added.name} --dry-run`")


@command.command("change")
@click.argument("name")
@click.option("--name", "new_name", metavar="NAME", help="another name")
@click.option("--all-groups", is_flag=True, help="take everybody, whatever group they are in")
@settings_options
@service_command
def change(shell: Shell, name: str, new_name: str | None, all_groups: bool, **values: Any) -> None:
    """Change a directory. What is not given stays; --group and --attribute replace."""
    with shell.writing() as connection:
        old = directories.find_directory(connection, name)
        wanted = described(shell, replace(old, name=new_name or old.name), values)
        if all_groups:
            wanted = replace(wanted, group_dns=())
        new = directories.change_directory(connection, old, wanted)
        before, after = old.settings(), new.settings()
        differing = [key for key in after if before[key] != after[key]]
        was = {key: before[key] for key in differing}
        note(
            connection,
            shell_actor(),
            "directory set",
            new.name,
            {key: after[key] for key in differing},
            before=was,
        )
    shell.show(as_json(new), f"changed {new.name}")


@command.command("remove")
@click.argument("name")
@service_command
def remove(shell: Shell, name: str) -> None:
    """Forget a directory. Its users stay, as if they had been added here."""
    with shell.writing() as connection:
        directory = directories.find_directory(connection, name)
        directories.delete_directory(connection, directory)
        note(connection, shell_actor(), "directory delete", directory.name)
    shell.show({"name": directory.name}, f"removed {directory.name}; its users stay")


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List the directories."""
    with shell.reading() as connection:
        rows = [_listed(connection, each) for each in directories.list_directories(connection)]
    shell.show_list(
        "directories", rows, ["name", "kind", "client", "users", "last_sync", "status"], "no directories"
    )


@command.command("show")
@click.argument("name")
@service_command
def show(shell: Shell, name: str) -> None:
    """Show one directory with its settings."""
    with shell.reading() as connection:
        directory = directories.find_directory(connection, name)
        shown = as_json(directory) | _listed(connection, directory)
    shell.show_fields(shown)


@command.command("status")
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="how many at most")
@service_command
def status(shell: Shell, name: str, limit: int) -> None:
    """Show the last syncs of a directory, newest first, and what was wrong at the last."""
    with shell.reading() as connection:
        directory = directories.find_directory(connection, name)
        runs = sync_runs.list_runs(connection, directory.id, Window(limit)).rows
    shell.show_list("runs", [runas_json(run) for run in runs], _RUNS, "it was never synced")
    if runs and not shell.as_json:
        for line in runs[0].counts.lines:
            click.echo(f"  {line}")


@command.command("run")
@click.argument("name")
@click.option("--dry-run", "is_dry", is_flag=True, help="read everything, tell what would be done, change nothing")
@click.option("--full", "is_full", is_flag=True, help="read everybody, also who has not changed")
@click.option("--user", metavar="NAME", help="this user only")
@click.option("--accept-shrink", is_flag=True, help="this once, disable as many as have left")
@service_command
def run(shell: Shell, name: str, is_dry: bool, is_full: bool, user: str | None, accept_shrink: bool) -> None:
    """Sync a directory now. Exit status 1: it could not be read, or too many would have been disabled."""
    from authproxy.secondfactor.sync_order import Order

    if sum((is_dry, is_full, user is not None)) > 1:
        raise BadValue("only one of --dry-run, --full and --user")
    mode = Mode.DRY if is_dry else Mode.FULL if is_full else Mode.USER if user is not None else Mode.INCREMENTAL
    order = Order(name, mode, shell_actor(), user or "", accept_shrink)
    watcher = Terminal(shows=not shell.as_json)
    done = sync_of(shell).run(order, watcher)
    watcher.end()
    if done.status != "done":
        shell.fail(f"the sync was {done.status}: {done.problem}" if done.status == "refused" else done.problem,
                   run=runas_json(done))  # fmt: skip
    shell.show(runas_json(done), f"{done.mode} sync of {name}: {done.counts.sentence()}")


def _listed(connection: sa.Connection, directory: Directory) -> Shown:
    last = sync_runs.last_run(connection, directory.id)
    return {
        "directory_id": directory.id,
        "name": directory.name,
        "kind": str(directory.kind),
        "client": directory.client,
        "users": directories.users_of(connection, directory),
        "last_sync": iso(last.started) if last else None,
        "status": last.status if last else None,
    }


def runas_json(run: Run) -> Shown:
    numbers: dict[str, JsonValue] = dict(run.counts.numbers())
    lines: Sequence[str] = run.counts.lines
    return {
        "id": run.id,
        "mode": run.mode,
        "started": iso(run.started),
        "ended": iso(run.ended),
        "status": run.status,
        **numbers,
        "problem": run.problem,
        "lines": list(lines),
    }
