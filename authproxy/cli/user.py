"""``authproxy user``: the users of the embedded service."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click
import yaml

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.secondfactor import users
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.refusals import BadValue, NotDone

STATUS = click.Choice(users.STATUSES)
_LARGEST_IMPORT = 50_000_000


@click.group("user")
def command() -> None:
    """The users of the embedded service."""


@command.command("add")
@click.argument("name")
@click.option("--email", default="", help="mail address")
@click.option("--status", type=STATUS, default="active", show_default=True)
@click.option("--notes", default="")
@service_command
def add(shell: Shell, name: str, email: str, status: str, notes: str) -> None:
    """Add a user."""
    with shell.writing() as connection:
        user = users.add_user(connection, name, shell.mode, email, status, notes)
        note(connection, shell_actor(), "user add", user.username, {"email": user.email, "status": user.status})
    shell.show(as_json(user), f"added {user.username} ({user.id})")


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List all users."""
    with shell.reading() as connection:
        rows = [as_json(user) for user in users.list_users(connection)]
    shell.show_list("users", rows, ["username", "status", "email", "devices", "groups", "last_login"], "no users")


@command.command("show")
@click.argument("name")
@service_command
def show(shell: Shell, name: str) -> None:
    """Show one user."""
    with shell.reading() as connection:
        user = as_json(users.find_user(connection, name, shell.mode))
    shell.show(user, "\n".join(f"{key:14} {'' if value is None else value}" for key, value in user.items()))


@command.command("set")
@click.argument("name")
@click.option("--email", help="mail address; empty: none")
@click.option("--status", type=STATUS)
@click.option("--notes")
@click.option("--group", "joined", multiple=True, help="add to this group (made if there is none)")
@click.option("--no-group", "left", multiple=True, help="take out of this group")
@service_command
def set_(
    shell: Shell,
    name: str,
    email: str | None,
    status: str | None,
    notes: str | None,
    joined: tuple[str, ...],
    left: tuple[str, ...],
) -> None:
    """Change a user."""
    wanted = {"email": email, "status": status, "notes": notes}
    changes = {key: value for key, value in wanted.items() if value is not None}
    with shell.writing() as connection:
        before = users.find_user(connection, name, shell.mode)
        users.change_user(connection, before, changes)
        for group in joined:
            users.join_group(connection, before, group)
        for group in left:
            users.leave_group(connection, before, group)
        after = users.find_user(connection, before.id, shell.mode)
        note(
            connection, shell_actor(), "user set", after.username, {"before": _said(before), "after": _said(after)}
        )
    shell.show(as_json(after), f"changed {after.username}")


@command.command("unlock")
@click.argument("name")
@service_command
def unlock(shell: Shell, name: str) -> None:
    """Let a user try again who is locked out after too many wrong codes."""
    with shell.writing() as connection:
        user = users.find_user(connection, name, shell.mode)
        users.unlock_user(connection, user)
        note(connection, shell_actor(), "user unlock", user.username)
        after = users.find_user(connection, user.id, shell.mode)
    shell.show(as_json(after), f"{user.username} may try again")


@command.command("delete")
@click.argument("name")
@service_command
def delete(shell: Shell, name: str) -> None:
    """Delete a user with devices and bypass codes; hardware tokens become free."""
    with shell.writing() as connection:
        user = users.find_user(connection, name, shell.mode)
        users.delete_user(connection, user)
        note(connection, shell_actor(), "user delete", user.username, _said(user))
    shell.show({"deleted": user.username, "user_id": user.id}, f"deleted {user.username}")


@command.command("group-status")
@click.argument("group")
@click.argument("status", type=STATUS)
@service_command
def group_status(shell: Shell, group: str, status: str) -> None:
    """Set what all members of a group are: active, bypass or disabled."""
    with shell.writing() as connection:
        users.set_group_status(connection, group, status)
        note(connection, shell_actor(), "group status", group, {"status": status})
    shell.show({"group": group, "status": status}, f"the members of {group} are {status}")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@service_command
def import_(shell: Shell, file: Path) -> None:
    """Import users from a .csv file (columns username,email,status) or a .yaml list of the same.

    All rows or none: bad ones are reported by line.
    """
    rows, bad = _read_file(file)
    if not bad:
        with shell.writing() as connection:
            bad = users.import_users(connection, rows, shell.mode)
            if not bad:
                note(connection, shell_actor(), "user import", file.name, {"users": len(rows)})
    if bad:
        bad.sort(key=lambda row: row.line)
        if not shell.as_json:
            for row in bad:
                click.echo(f"{file}:{row.line}: {row.problem}", err=True)
        shell.fail(f"nothing was imported: {len(bad)} bad rows", rows=[asdict(row) for row in bad])
    shell.show({"imported": len(rows)}, f"imported {len(rows)} users")


def _read_file(file: Path) -> tuple[list[users.NewUser], list[users.BadRow]]:
    try:
        if file.stat().st_size > _LARGEST_IMPORT:
            raise BadValue(f"{file} is larger than {_LARGEST_IMPORT} bytes")
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"{file} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise NotDone(f"{file} can't be read: {error.strerror}") from None
    return _read_yaml(text) if file.suffix in (".yaml", ".yml") else users.read_csv(text)


def _read_yaml(text: str) -> tuple[list[users.NewUser], list[users.BadRow]]:
    """Rows are counted, as the parser does not tell their lines."""
    try:
        listed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [], [users.BadRow(mark.line + 1 if mark else 1, f"no YAML: {getattr(error, 'problem', error)}")]
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        return [], [users.BadRow(1, "wanted a list of mappings with username, email, status")]
    return users.read_rows(enumerate(listed, start=1))


def as_json(user: users.User) -> Shown:
    """The keys are an interface."""
    return {
        "user_id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "email": user.email,
        "status": user.status,
        "locked_out": user.is_locked_out(time.time()),
        "groups": list(user.groups),
        "devices": user.devices,
        "notes": user.notes,
        "created": iso(user.created),
        "last_login": iso(user.last_login),
    }


def _said(user: users.User) -> Shown:
    return {"email": user.email, "status": user.status, "notes": user.notes, "groups": list(user.groups)}
