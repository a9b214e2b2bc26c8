"""``authproxy settings``: what holds for the whole account."""

from __future__ import annotations

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.config.settings_telephony import Prices
from authproxy.secondfactor.account_settings import (
    AccountSettings,
    Defaults,
    account_id,
    change_settings,
    read_settings,
)
from authproxy.secondfactor.audit import shell_actor
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.setting_list import SETTINGS


def defaults_of(shell: Shell) -> Defaults:
    settings = shell.opened.settings
    return Defaults(settings.service, settings.telephony.prices if settings.telephony else Prices())


@click.group("settings")
def command() -> None:
    """Settings of the account: they outrank the configuration, and act at once."""


@command.command("list")
@click.option("--all", "is_all", is_flag=True, help="with those that are only kept for clients of the Admin API")
@service_command
def list_(shell: Shell, is_all: bool) -> None:
    """Show the account's ID, and what each setting is."""
    with shell.reading() as connection:
        account, settings = account_id(connection), read_settings(connection, defaults_of(shell))
    rows = [_shown(settings, each.name, each.about) for each in SETTINGS if is_all or not each.is_kept_only]
    if not shell.as_json:
        click.echo(f"account {account or '(its ID is made when the daemon first starts)'}")
        shell.show_list("settings", rows, ["name", "value", "from", "about"], "")
    else:
        shell.show({"account_id": account, "settings": [dict(row) for row in rows]}, "")


@command.command("set")
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True)
@service_command
def set_(shell: Shell, changes: tuple[str, ...]) -> None:
    """Change settings: all of them, or none if one can't be."""
    wanted: dict[str, object] = {}
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign:
            raise BadValue(f"{change!r}: NAME=VALUE is wanted")
        wanted[name.strip()] = value
    _change(shell, wanted)


@command.command("unset")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@service_command
def unset(shell: Shell, names: tuple[str, ...]) -> None:
    """Go back to what the configuration says, or to the default."""
    _change(shell, dict.fromkeys(names))


def _change(shell: Shell, wanted: dict[str, object]) -> None:
    with shell.writing() as connection:
        settings = change_settings(connection, defaults_of(shell), shell_actor(), wanted)
    rows: list[Shown] = [{"name": name, "value": settings[name]} for name in wanted]
    shell.show_list("settings", rows, ["name", "value"], "")


def _shown(settings: AccountSettings, name: str, about: str) -> Shown:
    source = "set" if name in settings.stored else "default"
    value = settings[name]
    return {
        "name": name,
        "value": str(value).lower() if isinstance(value, bool) else value,
        "from": source,
        "about": about,
    }
