"""``authproxy telephony``: messages and calls that went out, and what they cost."""

from __future__ import annotations

import time

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.secondfactor import credits, telephony_view
from authproxy.secondfactor.audit import shell_actor
from authproxy.secondfactor.telephony_view import Account, Entry
from authproxy.secondfactor.users import find_user

_MOST = 10_000
_COLUMNS = ["time", "kind", "purpose", "username", "number", "status", "detail", "cost"]


@click.group("telephony")
def command() -> None:
    """Text messages and phone calls of the embedded service."""


@command.command("log")
@click.option("--user", metavar="USER", help="those to one user only")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="how many at most")
@service_command
def log(shell: Shell, user: str | None, limit: int) -> None:
    """What was sent, the newest first."""
    with shell.reading() as connection:
        user_id = find_user(connection, user, shell.mode).id if user is not None else None
        entries = telephony_view.entries(connection, limit, user_id)
    shell.show_list("entries", [_shown(entry) for entry in entries], _COLUMNS, "nothing was sent")


@command.command("credits")
@click.option("--add", "amount", type=float, metavar="N", help="add N credits; less than 0 takes some away")
@service_command
def credits_(shell: Shell, amount: float | None) -> None:
    """What is left and what was used.

    Credits are counted down once some were added. `authproxy credits` tells more.
    """
    if amount is None:
        with shell.reading() as connection:
            account = telephony_view.account(connection)
    else:
        with shell.writing() as connection:
            kind = credits.PURCHASE if amount > 0 else credits.CORRECTION
            credits.enter(connection, shell_actor(), kind, amount, time.time())
            account = telephony_view.account(connection)
    shell.show_fields(_credits(account))


def _shown(entry: Entry) -> Shown:
    return {
        "id": entry.id,
        "time": iso(entry.at),
        "kind": entry.kind,
        "purpose": entry.purpose,
        "username": entry.username,
        "number": entry.number,
        "status": entry.status,
        "detail": entry.detail,
        "cost": entry.cost,
        "provider_id": entry.provider_id,
        "login_id": entry.login_id,
    }


def _credits(account: Account) -> Shown:
    return {"left": account.left, "used_30_days": account.spent_30_days, "used": account.spent}
