"""``authproxy enroll``: invitations to set up a first device, by mail."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.mailing import mailroom
from authproxy.cli.moments import iso
from authproxy.cli.rowfile import FILE, read_rows, refuse
from authproxy.model import JsonValue
from authproxy.secondfactor import bulk_enrollment, invitations
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.invitations import Invitation
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.users import User, find_user

_MOST = 100_000
_COLUMNS = ["username", "email", "state", "times_sent", "last_sent", "expires", "completed"]


@click.group("enroll")
def command() -> None:
    """Invitations to set up a first device, by mail."""


@command.command("invite")
@click.argument("name", required=False)
@click.option(
    "--all", "everybody", is_flag=True, help="everybody without a device who has an address and no open link"
)
@service_command
def invite(shell: Shell, name: str | None, everybody: bool) -> None:
    """Send a user a link, good for 30 days from the first mail on."""
    _send(shell, name, everybody, "invited", invitations.invite, invitations.uninvited)


@command.command("resend")
@click.argument("name", required=False)
@click.option("--all", "everybody", is_flag=True, help="everybody whose link is open and not completed")
@service_command
def resend(shell: Shell, name: str | None, everybody: bool) -> None:
    """Send the same link again, good until the same day."""
    _send(shell, name, everybody, "sent again", invitations.resend, invitations.incomplete)


@command.command("list")
@click.option("--state", type=click.Choice(invitations.STATES))
@service_command
def list_(shell: Shell, state: str | None) -> None:
    """List invitations, the newest first."""
    now = time.time()
    with shell.reading() as connection:
        found = invitations.list_invitations(connection, now, state or "", "", Window(_MOST))
    shell.show_list("invitations", [_shown(each, now) for each in found.rows], _COLUMNS, "nobody was invited")


@command.command("status")
@click.argument("name")
@service_command
def status(shell: Shell, name: str) -> None:
    """Show how far a user is."""
    with shell.reading() as connection:
        user = find_user(connection, name, shell.mode)
        found = invitations.find_invitation(connection, user.id)
    if found is None:
        raise NotFound(f"{user.username} was not invited")
    shell.show_fields(_shown(found, time.time()))


@command.command("withdraw")
@click.argument("name")
@service_command
def withdraw(shell: Shell, name: str) -> None:
    """End a user's link."""
    with shell.writing() as connection:
        user = find_user(connection, name, shell.mode)
        invitations.withdraw(connection, user, shell_actor())
    shell.show({"withdrawn": user.username}, f"the link of {user.username} leads nowhere now")


@command.command("import")
@click.argument("file", type=FILE)
@click.option("--invite", "invites", is_flag=True, help="send each of them a link at once")
@service_command
def import_(shell: Shell, file: Path, invites: bool) -> None:
    """Add users from a .csv or .yaml file: username, and perhaps email, realname, phone, status, groups.

    Several groups stand between semicolons, or between commas where semicolons are between the columns.

    All rows or none: bad ones are reported by line.
    """
    rows, unreadable = read_rows(file, bulk_enrollment.COLUMNS)
    new, wrong = bulk_enrollment.read_people(rows, must_have_mail=invites)
    mail = mailroom(shell) if invites else None
    with shell.writing() as connection:
        bad = [*unreadable, *wrong, *bulk_enrollment.obstacles(connection, new, shell.mode)]
        if not bad:
            ids = bulk_enrollment.import_people(connection, new, shell.mode)
            note(connection, shell_actor(), "user import", file.name, {"users": len(new)})
    if bad:
        refuse(shell, file, bad)
    sent, refused = _invite(shell, mail, ids) if mail is not None else (0, [])
    shell.show(
        {"imported": len(new), "invited": sent, "refused": refused},
        f"imported {len(new)} users" + (f", invited {sent}" if invites else ""),
    )


# ---------------------------------------------------------------- one or all


def _send(
    shell: Shell,
    name: str | None,
    everybody: bool,
    done: str,
    one: Callable[..., Invitation],
    all_: Callable[..., list[str]],
) -> None:
    if everybody == (name is not None):
        raise BadValue("wanted either a user or --all")
    mail = mailroom(shell)
    if name is not None:
        with shell.writing() as connection:
            user: User = find_user(connection, name, shell.mode)
            made = one(connection, mail, user, shell_actor())
        shell.show(_shown(made, time.time()), f"{done}: {made.email}, good until {iso(made.expires)}")
        return
    with shell.reading() as connection:
        ids = all_(connection, time.time())
    sent, refused = _invite(shell, mail, ids)
    shell.show({"sent": sent, "refused": refused}, f"{done}: {sent} users")


def _invite(shell: Shell, mail: Mailroom, ids: list[str]) -> tuple[int, list[JsonValue]]:
    """How many mails are queued, and who got none."""
    sent = 0
    refused: list[JsonValue] = []
    for some in invitations.in_parts(ids):
        with shell.writing() as connection:
            made = invitations.invite_some(connection, mail, some, shell_actor())
        sent += made.sent
        for username, why in made.refused:
            refused.append(username)
            if not shell.as_json:
                click.echo(why, err=True)
    return sent, refused


def _shown(invitation: Invitation, now: float) -> Shown:
    return {
        "username": invitation.username,
        "email": invitation.email,
        "state": invitation.state(now),
        "created": iso(invitation.created),
        "expires": iso(invitation.expires),
        "times_sent": invitation.times_sent,
        "last_sent": iso(invitation.last_sent),
        "completed": iso(invitation.completed),
    }
