"""``authproxy application``: what uses the embedded service."""

from __future__ import annotations

import click

from authproxy.cli.context import Shell, Shown, service_command


@click.group("application")
def command() -> None:
    """Applications of the embedded service: the server sections that use it."""


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List them."""
    rows: list[Shown] = [
        {
            "name": section.application or section.name,
            "type": "radius",
            "section": section.name,
            "mode": str(section.mode),
            "port": section.port,
            "factors": [str(factor) for factor in section.factors],
        }
        for section in shell.opened.settings.radius_servers
        if section.remote is None
    ]
    shell.show_list(
        "applications", rows, ["name", "type", "section", "mode", "port", "factors"], "no applications"
    )
