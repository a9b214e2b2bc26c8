"""``authproxy import``: files of users and of tokens."""

from __future__ import annotations

import click

from authproxy.cli import token, user


@click.group("import")
def command() -> None:
    """Users or hardware tokens from a file, all rows or none."""


command.add_command(token.import_, "tokens")
command.add_command(user.import_, "users")
