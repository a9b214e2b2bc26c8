"""``authproxy sync``: users from directories."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import click
import sqlalchemy as sa

from authproxy.cli.context import Command, Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.config.settings import AdClientSettings
from authproxy.errors import AuthproxyError
from authproxy.model import JsonValue
from authproxy.secondfactor import directories, sync_runs
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.office import Work
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roster import FIELDS, Kind
from authproxy.secondfactor.sync_runs import Mode, Run

T = TypeVar("T")

_RUNS = ["id", "mode", "started", "ended", "status", "read", "added", "changed", "disabled", "problem"]


@click.group("sync")
def command() -> None:
    """Users from Active Directory or another LDAP directory."""


def _settings(function: Command) -> Command:
    """The options by which a directory is described."""
    options = (
        click.option(
            "--kind", type=click.Choice([str(kind) for kind in Kind]), help="[default: active directory]"
        ),
        click.option("--client", metavar="SECTION", help="the [ad_client] section that reaches it"),
        click.option("--base-dn", metavar="DN", help="where people are; empty: the section's search_dn"),
        click.option(
            "--group", "groups", multiple=True, metavar="DN", help="only members of this group; repeat it"
        ),
        click.option("--filter", "filter_", metavar="FILTER", help="only people whom this LDAP filter finds"),
        click.option(
            "--attribute",
            "attributes",
            multiple=True,
            metavar="FIELD=NAME",
            help=f"where a field comes from ({', '.join(FIELDS)}); an empty name: from nowhere",
        ),
        click.option("--region", metavar="CC", help="country of telephone numbers without one, as in DE"),
        click.option("--adopt/--no-adopt", "adopts", default=None, help="take over users of the same name"),
        click.option("--interval", type=int, metavar="SECONDS", help="between syncs of the daemon; 0: never"),
        click.option("--invite/--no-invite", "invites", default=None, help="send enrollment mails to new users"),
        click.option("--shrink-limit", type=int, metavar="PERCENT", help="refuse to disable more at once"),
        click.option("--enable/--disable", "enabled", default=None, help="whether the daemon syncs it"),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("add")
@click.argument("name")
@_settings
@service_command
def add(shell: Shell, name: str, **values: Any) -> None:
    """Add a directory. Nothing is read until the first `sync run`."""
    directory = _described(shell, Directory(name, client=_only_client(shell)), values)
    with shell.writing() as connection:
        added = directories.add_directory(connection, directory)
        note(connection, shell_actor(), "directory add", added.name, added.settings())
    shell.show(
        _as_json(added), f"added {added.name} ({added.id}); try `authproxy sync run {added.name} --dry-run`"
    )


@command.command("change")
@click.argument("name")
@click.option("--name", "new_name", metavar="NAME", help="another name")
@click.option("--all-groups", is_flag=True, help="take everybody, whatever group they are in")
@_settings
@service_command
def change(shell: Shell, name: str, new_name: str | None, all_groups: bool, **values: Any) -> None:
    """Change a directory. What is not given stays; --group and --attribute replace."""
    with shell.writing() as connection:
        old = directories.find_directory(connection, name)
        wanted = _described(shell, replace(old, name=new_name or old.name), values)
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
    shell.show(_as_json(new), f"changed {new.name}")


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
        shown = _as_json(directory) | _listed(connection, directory)
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
    shell.show_list("runs", [run_as_json(run) for run in runs], _RUNS, "it was never synced")
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
    from authproxy.secondfactor.sync import Order

    if sum((is_dry, is_full, user is not None)) > 1:
        raise BadValue("only one of --dry-run, --full and --user")
    mode = Mode.DRY if is_dry else Mode.FULL if is_full else Mode.USER if user is not None else Mode.INCREMENTAL
    order = Order(name, mode, shell_actor(), user or "", accept_shrink)
    watcher = Terminal(shows=not shell.as_json)
    done = _sync(shell).run(order, watcher)
    watcher.end()
    if done.status != "done":
        shell.fail(f"the sync was {done.status}: {done.problem}" if done.status == "refused" else done.problem,
                   run=run_as_json(done))  # fmt: skip
    shell.show(run_as_json(done), f"{done.mode} sync of {name}: {done.counts.sentence()}")


# ---------------------------------------------------------------- running


class ShellBooks:
    """The database of the command's own."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def read(self, work: Work[T]) -> T:
        with self._shell.reading() as connection:
            return work(connection)

    def change(self, work: Work[T]) -> T:
        with self._shell.writing() as connection:
            return work(connection)


class Terminal:
    """Lines as they come; progress is overwritten, and shown to people only."""

    def __init__(self, *, shows: bool) -> None:
        self._shows = shows
        self._is_watched = shows and sys.stderr.isatty()
        self._width = 0

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self._write(f"{stage} {done:,}" + (f" of {total:,}" if total is not None else ""))

    def line(self, text: str) -> None:
        self._write("")
        if self._shows:
            click.echo(text)

    def end(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if self._is_watched:
            click.echo(f"\r{text.ljust(self._width)}" + ("" if text else "\r"), nl=False, err=True)
            self._width = len(text)


def _sync(shell: Shell) -> Any:
    """Imports what other commands do without."""
    from authproxy.assembly.directory_syncs import invites_by, opens
    from authproxy.messaging.post_office import open_mailroom
    from authproxy.secondfactor.sync import Sync

    settings = shell.opened.settings
    web = settings.service.web
    mail = None
    if settings.mail is not None:
        mail = open_mailroom(settings.mail, web.base_url if web else "", shell.seeds(), time.time)
    return Sync(
        ShellBooks(shell),
        opens(lambda: settings, _look_up),
        settings.service.state_dir,
        shell.mode,
        invites_by(mail),
    )


def _look_up(name: str) -> Any:
    """Servers from the DNS: in an event loop for that alone."""
    from twisted.internet import asyncioreactor
    from twisted.internet.defer import Deferred
    from twisted.internet.main import installReactor

    from authproxy.ldap.discovery import Found, system_lookup

    reactor = asyncioreactor.AsyncioSelectorReactor()
    installReactor(reactor)  # type: ignore[no-untyped-call]
    results: list[Found | AuthproxyError] = []

    async def ask() -> None:
        try:
            results.append(await system_lookup(reactor)(name))
        except AuthproxyError as error:
            results.append(error)
        finally:
            reactor.stop()  # type: ignore[no-untyped-call]

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(ask()))
    reactor.run()  # type: ignore[no-untyped-call]
    result = results[0]
    if isinstance(result, AuthproxyError):
        raise result
    return result.records


# ---------------------------------------------------------------- describing


def _described(shell: Shell, directory: Directory, values: dict[str, Any]) -> Directory:
    """With what was given. Raises BadValue."""
    plain: dict[str, Callable[[Any], Any]] = {
        "kind": Kind, "client": str, "base_dn": str, "region": str.upper, "adopts": bool, "interval": int,
        "shrink_limit": int,
    }  # fmt: skip
    given = {key: make(values[key]) for key, make in plain.items() if values[key] is not None}
    named = {"filter": values["filter_"], "is_enabled": values["enabled"], "sends_invitations": values["invites"]}
    given |= {key: value for key, value in named.items() if value is not None}
    if values["groups"]:
        given["group_dns"] = tuple(values["groups"])
    if values["attributes"]:
        given["attributes"] = dict(map(_attribute, values["attributes"]))
    described = replace(directory, **given)
    if not isinstance(shell.opened.settings.clients.get(described.client), AdClientSettings):
        raise BadValue(f"the configuration has no section [{described.client}] that is an ad_client")
    return described


def _attribute(text: str) -> tuple[str, str]:
    name, equals, attribute = text.partition("=")
    if not equals:
        raise BadValue(f"{text!r} is no mapping; wanted FIELD=NAME, as in email=mail")
    return name.strip(), attribute.strip()


def _only_client(shell: Shell) -> str:
    """The section that is meant when none is named."""
    clients = shell.opened.settings.clients.values()
    names = [each.name for each in clients if isinstance(each, AdClientSettings)]
    return names[0] if len(names) == 1 else "ad_client"


def _as_json(directory: Directory) -> Shown:
    """The keys are an interface."""
    return {
        "directory_id": directory.id,
        "name": directory.name,
        "kind": str(directory.kind),
        "client": directory.client,
        "base_dn": directory.base_dn,
        "group_dns": list(directory.group_dns),
        "filter": directory.filter,
        "attributes": {name: directory.attribute_of(name) for name in FIELDS},
        "region": directory.region,
        "adopts": directory.adopts,
        "enabled": directory.is_enabled,
        "interval": directory.interval,
        "sends_invitations": directory.sends_invitations,
        "shrink_limit": directory.shrink_limit,
        "created": iso(directory.created),
    }


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


def run_as_json(run: Run) -> Shown:
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
