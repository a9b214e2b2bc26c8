"""``authproxy user``: the users of the embedded service."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click
import sqlalchemy as sa

from authproxy.cli.amounts import counted
from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.rowfile import FILE, read_rows, refuse
from authproxy.model import JsonValue
from authproxy.secondfactor import aliases, groups, trash, user_rows, users
from authproxy.secondfactor.audit import note, shell_actor

STATUS = click.Choice(users.STATUSES)


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
        others = aliases.all_aliases(connection)
        rows = [as_json(user, others.get(user.id, [])) for user in users.list_users(connection)]
    shell.show_list("users", rows, ["username", "status", "email", "devices", "groups", "last_login"], "no users")


@command.command("show")
@click.argument("name")
@service_command
def show(shell: Shell, name: str) -> None:
    """Show one user."""
    with shell.reading() as connection:
        user = users.find_user(connection, name, shell.mode)
        others = aliases.aliases_of(connection, user)
    shell.show_fields(as_json(user, others))


@command.command("set")
@click.argument("name")
@click.option("--email", help="mail address; empty: none")
@click.option("--status", type=STATUS)
@click.option("--notes")
@click.option("--group", "joined", multiple=True, help="add to this group (made if there is none)")
@click.option("--no-group", "left", multiple=True, help="take out of this group")
@click.option("--alias", "added", multiple=True, help="another name of the user, also at logins")
@click.option("--no-alias", "removed", multiple=True, help="forget this other name")
@service_command
def set_(
    shell: Shell,
    name: str,
    email: str | None,
    status: str | None,
    notes: str | None,
    joined: tuple[str, ...],
    left: tuple[str, ...],
    added: tuple[str, ...],
    removed: tuple[str, ...],
) -> None:
    """Change a user."""
    wanted = {"email": email, "status": status, "notes": notes}
    changes = {key: value for key, value in wanted.items() if value is not None}
    with shell.writing() as connection:
        before = users.find_user(connection, name, shell.mode)
        users.change_user(connection, before, changes)
        for group in joined:
            groups.join_group(connection, before, group)
        for group in left:
            groups.leave_group(connection, before, group)
        said = _said(before, aliases.aliases_of(connection, before))
        for alias in removed:
            aliases.remove_alias(connection, before, alias, shell.mode)
        for alias in added:
            aliases.add_alias(connection, before, alias, shell.mode)
        after = users.find_user(connection, before.id, shell.mode)
        others = aliases.aliases_of(connection, after)
        note(
            connection, shell_actor(), "user set", after.username, {"before": said, "after": _said(after, others)}
        )
    shell.show(as_json(after, others), f"changed {after.username}")


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
        others = aliases.aliases_of(connection, after)
    shell.show(as_json(after, others), f"{user.username} may try again")


@command.command("delete")
@click.argument("name")
@service_command
def delete(shell: Shell, name: str) -> None:
    """Delete a user with devices and bypass codes; hardware tokens become free."""
    with shell.writing() as connection:
        user = users.find_user(connection, name, shell.mode)
        others = aliases.aliases_of(connection, user)
        users.delete_user(connection, user)
        note(connection, shell_actor(), "user delete", user.username, _said(user, others))
    shell.show({"deleted": user.username, "user_id": user.id}, f"deleted {user.username}")


@command.command("trash")
@click.argument("name")
@service_command
def trash_(shell: Shell, name: str) -> None:
    """Move a user to the trash: refused from now on, and deleted after some days."""
    _move(shell, name, trash.send_to_trash, "user trash", "is in the trash")


@command.command("restore")
@click.argument("name")
@service_command
def restore(shell: Shell, name: str) -> None:
    """Bring a user back from the trash, as before."""
    _move(shell, name, trash.restore, "user restore", "is back")


def _move(
    shell: Shell, name: str, does: Callable[[sa.Connection, users.User, float], bool], action: str, told: str
) -> None:
    with shell.writing() as connection:
        user = users.find_user(connection, name, shell.mode)
        is_news = does(connection, user, time.time())
        after, others = users.user_by_id(connection, user.id), aliases.aliases_of(connection, user)
        if is_news:
            status, before = {"status": after.shown_status}, {"status": user.shown_status}
            note(connection, shell_actor(), action, user.username, status, before=before)
    shell.show(as_json(after, others), f"{user.username} {told}")


@command.command("group-status")
@click.argument("group")
@click.argument("status", type=STATUS)
@service_command
def group_status(shell: Shell, group: str, status: str) -> None:
    """Set what all members of a group are: active, bypass or disabled."""
    with shell.writing() as connection:
        groups.set_group_status(connection, group, status)
        note(connection, shell_actor(), "group status", group, {"status": status})
    shell.show({"group": group, "status": status}, f"the members of {group} are {status}")


@command.command("import")
@click.argument("file", type=FILE)
@service_command
def import_(shell: Shell, file: Path) -> None:
    """Import users from a .csv file (columns username,email,status) or a .yaml list of the same.

    All rows or none: bad ones are reported by line.
    """
    rows, unreadable = read_rows(file, user_rows.COLUMNS)
    new, wrong = user_rows.read_users(rows)
    with shell.writing() as connection:
        bad = [*unreadable, *wrong, *user_rows.obstacles(connection, new, shell.mode)]
        if not bad:
            user_rows.import_users(connection, new, shell.mode)
            note(connection, shell_actor(), "user import", file.name, {"users": len(new)})
    if bad:
        refuse(shell, file, bad)
    shell.show({"imported": len(new)}, f"imported {counted(len(new), 'user')}")


def as_json(user: users.User, other_names: list[str] | None = None) -> Shown:
    """The keys are an interface."""
    return {
        "user_id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "aliases": list[JsonValue](other_names or []),
        "email": user.email,
        "status": user.shown_status,
        "locked_out": user.is_locked_out(time.time()),
        "groups": list(user.groups),
        "devices": user.devices,
        "notes": user.notes,
        "created": iso(user.created),
        "last_login": iso(user.last_login),
    }


def _said(user: users.User, other_names: list[str] | None = None) -> Shown:
    return {
        "email": user.email,
        "status": user.status,
        "notes": user.notes,
        "groups": list(user.groups),
        "aliases": list[JsonValue](other_names or []),
    }
