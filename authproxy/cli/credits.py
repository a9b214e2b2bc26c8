"""``authproxy credits``: telephony credits, and what messages and calls cost."""

from __future__ import annotations

import time

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.settings import defaults_of
from authproxy.secondfactor import credits
from authproxy.secondfactor.account_settings import read_settings
from authproxy.secondfactor.audit import shell_actor

_MOST = 10_000


@click.group("credits")
def command() -> None:
    """Telephony credits: what is left, what was bought, and what was used."""


@command.command("show")
@service_command
def show(shell: Shell) -> None:
    """Show the balance, the prices, and what happens when it is used up."""
    with shell.reading() as connection:
        left, settings = credits.left(connection), read_settings(connection, defaults_of(shell))
        month = credits.months(connection, time.time(), 1)[0]
    prices = settings.prices()
    shell.show_fields(
        {
            "left": left,
            "used_this_month": month.cost,
            "price_sms": prices.sms,
            "price_call": prices.call,
            "warning_below": prices.warn_below,
            "at_zero": settings["telephony_at_zero"],
        }
    )


@command.command("buy")
@click.argument("amount", type=float)
@click.option("--note", default="", help="what to remember of it, as an invoice's number")
@service_command
def buy(shell: Shell, amount: float, note: str) -> None:
    """Record a purchase. From the first one on credits are counted down."""
    _enter(shell, credits.PURCHASE, amount, note)


@command.command("correct", context_settings={"ignore_unknown_options": True})
@click.argument("amount", type=float)
@click.option("--note", default="", help="why")
@service_command
def correct(shell: Shell, amount: float, note: str) -> None:
    """Correct the balance by AMOUNT, which may be less than 0."""
    _enter(shell, credits.CORRECTION, amount, note)


def _enter(shell: Shell, kind: str, amount: float, note: str) -> None:
    with shell.writing() as connection:
        left = credits.enter(connection, shell_actor(), kind, amount, time.time(), note)
    shell.show_fields({"kind": kind, "amount": amount, "left": left})


@command.command("list")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="how many at most")
@service_command
def list_(shell: Shell, limit: int) -> None:
    """List purchases and corrections, the newest first."""
    with shell.reading() as connection:
        found = credits.entries(connection, limit)
    rows: list[Shown] = [
        {"time": iso(each.at), "kind": each.kind, "amount": each.amount, "note": each.note, "actor": each.actor}
        for each in found
    ]
    shell.show_list("entries", rows, ["time", "kind", "amount", "actor", "note"], "nothing was bought yet")


@command.command("report")
@click.option("--month", default="", metavar="YYYY-MM", help="users of this month; without, of the current one")
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="how many users at most"
)
@service_command
def report(shell: Shell, month: str, limit: int) -> None:
    """What each of the last twelve months has cost, and who has cost the most in one."""
    now = time.time()
    since, until = credits.month_bounds(month, now)
    with shell.reading() as connection:
        months, users = credits.months(connection, now), credits.users_of(connection, since, until, limit)
    by_month = [_month(each) for each in months]
    by_user: list[Shown] = [
        {
            "username": each.username or each.user_id,
            "messages": each.messages,
            "calls": each.calls,
            "cost": each.cost,
        }
        for each in users
    ]
    if shell.as_json:
        shell.show({"months": [dict(each) for each in by_month], "users": [dict(each) for each in by_user]}, "")
        return
    shell.show_list("months", by_month, ["month", "messages", "calls", "cost"], "")
    click.echo()
    shell.show_list("users", by_user, ["username", "messages", "calls", "cost"], "no user has cost anything")


def _month(month: credits.Month) -> Shown:
    return {
        "month": month.name,
        "messages": month.of("sms").count,
        "calls": month.of("call").count,
        "cost": month.cost,
    }
