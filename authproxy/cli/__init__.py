"""The command line: one module per command, imported only when the command is called."""

from __future__ import annotations

import importlib
import keyword

import click

import authproxy

COMMANDS = {
    "admin": "administrators of the embedded service",
    "application": "applications registered with the embedded service",
    "bypass": "bypass codes",
    "check": "validate a configuration file",
    "connectivity": "check, then reach every peer",
    "credits": "telephony credits",
    "db": "database migrations",
    "debug": "some logins in detail",
    "demo": "real RADIUS logins on loopback with a built-in directory",
    "device": "devices and one-time code generators",
    "import": "users or hardware tokens from a file",
    "enroll": "invitations to set up a first device",
    "explain": "the trail of recent logins",
    "mail": "whether mail gets through, and how it reads",
    "messages": "mail and text messages that went out",
    "passwd": "store secrets encrypted",
    "phone": "phones of users",
    "policy": "who is asked for what, where",
    "primary-only": "passwords alone, for a while",
    "push": "pending push requests",
    "radtest": "send one login as an appliance would",
    "run": "the daemon in the foreground",
    "settings": "settings of the account",
    "support": "a bundle for whoever is asked for help",
    "sync": "users from directories",
    "telephony": "text messages and phone calls, and what they cost",
    "token": "hardware tokens",
    "top": "what the daemon is doing",
    "user": "users of the embedded service",
}


class LazyGroup(click.Group):
    """Imports ``authproxy.cli.NAME`` when NAME is called: ``authproxy check`` loads no database."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"authproxy.cli.{_module(cmd_name)}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _module(name: str) -> str:
    word = name.replace("-", "_")
    return f"{word}_" if keyword.iskeyword(word) else word


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(authproxy.__version__, prog_name="authproxy")
def main() -> None:
    """Multi-factor authentication between network appliances and a directory."""
