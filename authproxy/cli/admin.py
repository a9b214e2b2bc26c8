"""``authproxy admin``: who may use the Admin Panel. Works while the daemon runs, and without one."""

from __future__ import annotations

import time

import click
from sqlalchemy import Connection

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.errors import ConfigError
from authproxy.secondfactor import admin_links, administrators
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.refusals import AlreadyThere
from authproxy.secondfactor.roles import Role

_VALID = click.option("--valid", type=int, help="seconds that the link is good for")
_NAME = click.option("--name", required=True, help="the person's name")


@click.group("admin")
def command() -> None:
    """Administrators of the embedded service: who may use the Admin Panel."""


@command.command("create-owner")
@click.argument("email")
@_NAME
@_VALID
@click.option("--force", is_flag=True, help="also if there is an Owner already")
@service_command
def create_owner(shell: Shell, email: str, name: str, valid: int | None, force: bool) -> None:
    """Make the first Owner, and print a one-time link to set password and second factor."""
    with shell.writing() as connection:
        owners = [admin.email for admin in administrators.list_administrators(connection).rows if _is_owner(admin)]
        if owners and not force:
            raise AlreadyThere(
                f"there is an Owner already ({', '.join(owners)}): `authproxy admin reset` makes another link; "
                "--force makes another Owner"
            )
        _add(shell, connection, email, name, Role.OWNER, valid)


@command.command("add")
@click.argument("email")
@_NAME
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@_VALID
@service_command
def add(shell: Shell, email: str, name: str, role: str, valid: int | None) -> None:
    """Add an administrator, and print a one-time link to set password and second factor."""
    with shell.writing() as connection:
        _add(shell, connection, email, name, role, valid)


def _add(shell: Shell, connection: Connection, email: str, name: str, role: str, valid: int | None) -> None:
    admin = administrators.add_administrator(connection, email, name, role)
    note(connection, shell_actor(), "admin add", admin.email, admin.told())
    _show_link(shell, connection, admin, "activation", valid)


def _is_owner(admin: Administrator) -> bool:
    return admin.role == Role.OWNER


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List all administrators."""
    with shell.reading() as connection:
        rows = [as_json(admin) for admin in administrators.list_administrators(connection).rows]
        warning = administrators.owner_warning(connection)
    shell.show_list("administrators", rows, ["email", "name", "role", "status", "last_login"], "no administrators")
    if warning and not shell.as_json:
        click.echo(f"authproxy: {warning}", err=True)


@command.command("reset")
@click.argument("email")
@click.option("--everything", is_flag=True, help="a new second factor, too")
@_VALID
@service_command
def reset(shell: Shell, email: str, everything: bool, valid: int | None) -> None:
    """Print a one-time link to set a new password (and, with --everything, a new second factor).

    What was set before works until the link is used.
    """
    with shell.writing() as connection:
        admin = administrators.find_administrator(connection, email)
        is_new = everything or admin.status == "pending"
        _show_link(shell, connection, admin, "activation" if is_new else "reset", valid)


def _show_link(
    shell: Shell, connection: Connection, admin: Administrator, kind: admin_links.Kind, valid: int | None
) -> None:
    web = shell.opened.settings.service.web
    if web is None:
        raise ConfigError("there is no Admin Panel: the web side is off; base_url in [service] turns it on")
    link = admin_links.new_link(connection, admin, kind, time.time(), valid)
    detail: Shown = {"kind": kind, "expires": iso(link.expires)}
    note(connection, shell_actor(), "admin link", admin.email, detail)
    url = link.url(web.base_url)
    shown: Shown = {**as_json(admin), "link": url, "kind": kind, "expires": iso(link.expires)}
    shell.show(shown, f"{url}\nfor {admin.name} ({admin.email}, {admin.role}), once, until {iso(link.expires)}")


@command.command("unlock")
@click.argument("email")
@service_command
def unlock(shell: Shell, email: str) -> None:
    """Let an administrator try again who is locked out after too many wrong attempts."""
    with shell.writing() as connection:
        admin = administrators.find_administrator(connection, email)
        administrators.unlock_administrator(connection, admin)
        note(connection, shell_actor(), "admin unlock", admin.email)
        admin = administrators.find_administrator(connection, admin.id)
    shell.show(as_json(admin), f"{admin.email} may try again")


@command.command("disable")
@click.argument("email")
@service_command
def disable(shell: Shell, email: str) -> None:
    """Log an administrator out and let nobody in by that name."""
    _set_status(shell, email, "disabled", "admin disable")


@command.command("enable")
@click.argument("email")
@service_command
def enable(shell: Shell, email: str) -> None:
    """Let a disabled administrator in again."""
    _set_status(shell, email, "active", "admin enable")


def _set_status(shell: Shell, email: str, status: str, action: str) -> None:
    with shell.writing() as connection:
        before = administrators.find_administrator(connection, email)
        after = administrators.change_administrator(connection, before, {"status": status})
        note(connection, shell_actor(), action, after.email, after.told(), before=before.told())
    shell.show(as_json(after), f"{after.email} is {after.status}")


@command.command("delete")
@click.argument("email")
@service_command
def delete(shell: Shell, email: str) -> None:
    """Delete an administrator. The last active Owner can't be."""
    with shell.writing() as connection:
        admin = administrators.find_administrator(connection, email)
        administrators.delete_administrator(connection, admin)
        note(connection, shell_actor(), "admin delete", admin.email, before=admin.told())
    shell.show({"deleted": admin.email, "admin_id": admin.id}, f"deleted {admin.email}")


def as_json(admin: Administrator) -> Shown:
    """The keys are an interface."""
    return {
        "admin_id": admin.id,
        "email": admin.email,
        "name": admin.name,
        "phone": admin.phone,
        "role": admin.role,
        "status": admin.status,
        "locked_out": admin.is_locked_out(time.time()),
        "created": iso(admin.created),
        "last_login": iso(admin.last_login),
    }
