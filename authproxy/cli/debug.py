"""``authproxy debug``: every step of some logins in the log of the running daemon, for a while."""

from __future__ import annotations

from collections.abc import Mapping

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.errors import AuthproxyError
from authproxy.running.talk import call
from authproxy.support.watchlist import DEFAULT_MINUTES, MOST_MINUTES


@click.group("debug")
def command() -> None:
    """Log some logins in detail, without a restart: their steps, and RADIUS attributes by name.

    It ends by itself. No password is logged, and nothing of other logins.
    """


@command.command("on")
@click.option("--minutes", type=click.IntRange(1, MOST_MINUTES), default=DEFAULT_MINUTES, show_default=True,
              help="how long")  # fmt: skip
@click.option("--user", default="", help="logins of this user, with or without domain")
@click.option("--client", default="", help="logins from this address or network: an appliance's or a user's")
@click.option("--section", default="", help="logins through this server section")
@service_command
def on(shell: Shell, minutes: int, user: str, client: str, section: str) -> None:
    """Begin with the logins that all of the options fit; further ones may be added."""
    _known(shell, section)
    named = {"user": user, "client": client, "section": section}
    _show(shell, _ask(shell, {"action": "on", "minutes": minutes, **named}))


@command.command("off")
@service_command
def off(shell: Shell) -> None:
    """End it for all."""
    _show(shell, _ask(shell, {"action": "off"}))


@command.command("status")
@service_command
def status(shell: Shell) -> None:
    """Tell what is logged in detail, and for how long."""
    _show(shell, _ask(shell, {"action": "status"}))


def _known(shell: Shell, section: str) -> None:
    """A mistyped section would be watched in vain."""
    settings = shell.opened.settings
    names = [*(each.name for each in settings.radius_servers), *(each.name for each in settings.ldap_servers)]
    if section and section.lower() not in (*names, "service"):
        raise AuthproxyError(f"there is no server section [{section}]; there are {', '.join(names) or 'none'}")


def _ask(shell: Shell, details: Mapping[str, object]) -> Mapping[str, object]:
    talk = call(shell.opened.settings.service.state_dir)
    try:
        answer = talk.ask("debug", details=details)
    finally:
        talk.close()
    if not answer.get("done"):
        raise AuthproxyError(str(answer.get("text")))
    return answer


def _show(shell: Shell, answer: Mapping[str, object]) -> None:
    told = answer.get("watches")
    watches: list[Shown] = told if isinstance(told, list) else []
    shell.show_list(
        "watches", watches, ["user", "client", "section", "seconds_left"], "no login is logged in detail"
    )
