"""A directory as the options of ``authproxy sync`` describe it, and as they show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from authproxy.cli.context import Command, Shell, Shown
from authproxy.cli.moments import iso
from authproxy.config.settings import AdClientSettings
from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roster import FIELDS, Kind


def settings_options(function: Command) -> Command:
    """The options by which a directory is described."""
    options = (
        click.option(
            "--kind", type=click.Choice([str(kind) for kind in Kind]), help="[default: active directory]"
        ),
        click.option("--client", metavar="SECTION", help="the [ad_client] section that reaches it"),
        click.option("--base-dn", metavar="DN", help="where people are; empty: the section's search_dn"),
        click.option(
            "--group", "groups", multiple=True, metavar="DN", help="only members of this group; repeat it"
        ),
        click.option("--filter", "filter_", metavar="FILTER", help="only people whom this LDAP filter finds"),
        click.option(
            "--attribute",
            "attributes",
            multiple=True,
            metavar="FIELD=NAME",
            help=f"where a field comes from ({', '.join(FIELDS)}); an empty name: from nowhere",
        ),
        click.option("--region", metavar="CC", help="country of telephone numbers without one, as in DE"),
        click.option("--adopt/--no-adopt", "adopts", default=None, help="take over users of the same name"),
        click.option("--interval", type=int, metavar="SECONDS", help="between syncs of the daemon; 0: never"),
        click.option("--invite/--no-invite", "invites", default=None, help="send enrollment mails to new users"),
        click.option("--shrink-limit", type=int, metavar="PERCENT", help="refuse to disable more at once"),
        click.option("--enable/--disable", "enabled", default=None, help="whether the daemon syncs it"),
    )
    for option in reversed(options):
        function = option(function)
    return function


def described(shell: Shell, directory: Directory, values: dict[str, Any]) -> Directory:
    """With what was given. Raises BadValue."""
    plain: dict[str, Callable[[Any], Any]] = {
        "kind": Kind, "client": str, "base_dn": str, "region": str.upper, "adopts": bool, "interval": int,
        "shrink_limit": int,
    }  # fmt: skip
    given = {key: make(values[key]) for key, make in plain.items() if values[key] is not None}
    named = {"filter": values["filter_"], "is_enabled": values["enabled"], "sends_invitations": values["invites"]}
    given |= {key: value for key, value in named.items() if value is not None}
    if values["groups"]:
        given["group_dns"] = tuple(values["groups"])
    if values["attributes"]:
        given["attributes"] = dict(map(_attribute, values["attributes"]))
    described = replace(directory, **given)
    if not isinstance(shell.opened.settings.clients.get(described.client), AdClientSettings):
        raise BadValue(f"the configuration has no section [{described.client}] that is an ad_client")
    return described


def _attribute(text: str) -> tuple[str, str]:
    name, equals, attribute = text.partition("=")
    if not equals:
        raise BadValue(f"{text!r} is no mapping; wanted FIELD=NAME, as in email=mail")
    return name.strip(), attribute.strip()


def only_client(shell: Shell) -> str:
    """The section that is meant when none is named."""
    clients = shell.opened.settings.clients.values()
    names = [each.name for each in clients if isinstance(each, AdClientSettings)]
    return names[0] if len(names) == 1 else "ad_client"


def as_json(directory: Directory) -> Shown:
    """The keys are an interface."""
    return {
        "directory_id": directory.id,
        "name": directory.name,
        "kind": str(directory.kind),
        "client": directory.client,
        "base_dn": directory.base_dn,
        "group_dns": list(directory.group_dns),
        "filter": directory.filter,
        "attributes": {name: directory.attribute_of(name) for name in FIELDS},
        "region": directory.region,
        "adopts": directory.adopts,
        "enabled": directory.is_enabled,
        "interval": directory.interval,
        "sends_invitations": directory.sends_invitations,
        "shrink_limit": directory.shrink_limit,
        "created": iso(directory.created),
    }
