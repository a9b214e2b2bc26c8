"""``authproxy push``: pending push requests, answered from the shell."""

from __future__ import annotations

import time

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.pushes import Decided, NoSuchPush, PushStatus, TooLate, decide_push, pending_pushes
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.wakeup import poke


@click.group("push")
def command() -> None:
    """Pending push requests."""


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List the requests that wait for an answer."""
    now = time.time()
    with shell.reading() as connection:
        rows: list[Shown] = [
            {
                "id": push.id,
                "username": push.username,
                "application": push.application,
                "client_ip": push.client_ip or None,
                "nas": push.nas,
                "phone_id": push.phone_id,
                "mode": push.mode,
                "login_id": push.login_id,
                "created": iso(push.created),
                "expires": iso(push.expires),
                "seconds_left": round(push.expires - now),
            }
            for push in pending_pushes(connection, now)
        ]
    columns = ["id", "username", "application", "client_ip", "nas", "phone_id", "mode", "seconds_left", "login_id"]
    shell.show_list("pushes", rows, columns, "no push is pending")


@command.command("approve")
@click.argument("push_id", metavar="ID")
@click.option("--number", default="", help="what the user's login shows, where a push is verified by a number")
@service_command
def approve(shell: Shell, push_id: str, number: str) -> None:
    """Let the login in. First make sure that it is the user's own."""
    _decide(shell, push_id, PushStatus.APPROVED, number)


@command.command("deny")
@click.argument("push_id", metavar="ID")
@click.option("--fraud", is_flag=True, help="the user did not ask for this login")
@service_command
def deny(shell: Shell, push_id: str, fraud: bool) -> None:
    """Refuse the login."""
    _decide(shell, push_id, PushStatus.FRAUD if fraud else PushStatus.DENIED)


def _decide(shell: Shell, push_id: str, status: PushStatus, number: str = "") -> None:
    """The daemon is told after the commit. Approving with a wrong number denies."""
    push_id = push_id.strip().upper()
    with shell.writing() as connection:
        decision = decide_push(connection, push_id, status, shell_actor(), time.time(), number)
        match decision:
            case NoSuchPush():
                raise NotFound(f"there is no push {push_id!r}; `authproxy push list` shows those that are pending")
            case TooLate(ended):
                raise NotDone(f"too late: push {push_id} was {ended} before")
            case Decided(status):
                note(connection, shell_actor(), f"push {status}", push_id)
    poke(shell.opened.settings.service.state_dir, [push_id])
    shell.show({"id": push_id, "status": str(status)}, f"push {push_id} is {status}")
