"""``authproxy application``: what uses the embedded service."""

from __future__ import annotations

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.config.settings import LdapServerSettings, RadiusServerSettings


@click.group("application")
def command() -> None:
    """Applications of the embedded service: the server sections that use it."""


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List them."""
    settings = shell.opened.settings
    sections: list[RadiusServerSettings | LdapServerSettings] = [*settings.radius_servers, *settings.ldap_servers]
    rows: list[Shown] = [
        {
            "name": section.application or section.name,
            "type": "radius" if isinstance(section, RadiusServerSettings) else "ldap",
            "section": section.name,
            "mode": str(section.mode) if isinstance(section, RadiusServerSettings) else "auto",
            "port": section.port,
            "factors": [str(factor) for factor in section.factors],
        }
        for section in sections
        if section.remote is None
    ]
    shell.show_list(
        "applications", rows, ["name", "type", "section", "mode", "port", "factors"], "no applications"
    )
