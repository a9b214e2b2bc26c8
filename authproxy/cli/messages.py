"""``authproxy messages``: mail and text messages that went out, as they were received."""

from __future__ import annotations

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.messages import Message, MessageFilter, as_received, find_message, search_messages
from authproxy.secondfactor.users import find_user

_MOST = 10_000
_COLUMNS = ["id", "time", "kind", "purpose", "recipient", "subject", "status", "attempts", "problem"]


@click.group("messages")
def command() -> None:
    """Mail and text messages that went out, or wait to."""


@command.command("list")
@click.argument("text", default="")
@click.option("--user", metavar="USER", help="those to one user only")
@click.option("--status", type=click.Choice(["queued", "sent", "failed"]))
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="how many at most")
@service_command
def list_(shell: Shell, text: str, user: str | None, status: str | None, limit: int) -> None:
    """The newest first; with TEXT, those with it in recipient or subject."""
    with shell.reading() as connection:
        user_id = find_user(connection, user, shell.mode).id if user is not None else ""
        wanted = MessageFilter(text, user_id, status=status or "")
        found = search_messages(connection, wanted, Window(limit))
    shell.show_list("messages", [_shown(each) for each in found.rows], _COLUMNS, "no messages")


@command.command("show")
@click.argument("id")
@click.option("--secrets", is_flag=True, help="with links and codes; noted in the record of changes")
@service_command
def show(shell: Shell, id: str, secrets: bool) -> None:
    """Show a message as its recipient saw it."""
    if not secrets:
        with shell.reading() as connection:
            message = find_message(connection, id)
        received = as_received(message, None)
    else:
        with shell.writing() as connection:
            message = find_message(connection, id)
            received = as_received(message, shell.seeds())
            note(connection, shell_actor(), "message reveal", message.id, {"recipient": message.recipient})
    fields = _shown(message)
    head = "\n".join(f"{key:14} {value}" for key, value in fields.items() if value not in (None, ""))
    shell.show({**fields, "text": received.text, "html": received.html}, f"{head}\n\n{received.text}")


def _shown(message: Message) -> Shown:
    return {
        "id": message.id,
        "time": iso(message.at),
        "kind": message.kind,
        "purpose": message.purpose,
        "recipient": message.recipient,
        "username": message.username,
        "subject": message.subject,
        "status": message.status,
        "attempts": message.attempts,
        "next_attempt": iso(message.next_attempt),
        "sent": iso(message.sent),
        "problem": message.problem,
    }
