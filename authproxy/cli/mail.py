"""``authproxy mail``: whether mail gets through, and how it reads."""

from __future__ import annotations

import asyncio
import time

import click

from authproxy.cli.context import Shell, service_command
from authproxy.cli.mailing import mailroom
from authproxy.messaging.smtp import Delivery, Handed, Refused, SmtpServer, Unreachable
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.outbox import Outgoing
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.users import checked_email


@click.group("mail")
def command() -> None:
    """Outgoing mail."""


@command.command("test")
@click.argument("address")
@service_command
def test(shell: Shell, address: str) -> None:
    """Hand a mail to ADDRESS over to the mail server now, and say what it answered."""
    mail = mailroom(shell)
    letter = mail.composes.preview("test")
    outgoing = Outgoing(
        new_id("DM"), time.time(), checked_email(address), letter.subject, letter.text, letter.html, (), 1
    )
    settings = shell.opened.settings.mail
    assert settings is not None
    match asyncio.run(_deliver(SmtpServer(settings), outgoing)):
        case Handed():
            shell.show({"sent": address}, f"{settings.host} has taken a mail to {address}")
        case Refused(why) | Unreachable(why):
            raise NotDone(f"{settings.host} port {settings.port}: {why}")


@command.command("preview")
@click.argument("name", required=False)
@click.option("--html", "as_html", is_flag=True, help="the HTML, instead of the plain text")
@service_command
def preview(shell: Shell, name: str | None, as_html: bool) -> None:
    """Show a text with made-up values; without NAME, the names of all."""
    composes = mailroom(shell).composes
    if name is None:
        shell.show({"texts": list(composes.names())}, "\n".join(composes.names()))
        return
    letter = composes.preview(name)
    shown = letter.html if as_html else f"Subject: {letter.subject}\n\n{letter.text}"
    shell.show({"subject": letter.subject, "text": letter.text, "html": letter.html}, shown)


async def _deliver(server: SmtpServer, mail: Outgoing) -> Delivery:
    try:
        return await server.deliver(mail)
    finally:
        await server.rest()
