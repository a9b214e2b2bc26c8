"""``authproxy application``: what uses the embedded service."""

from __future__ import annotations

import click

from authproxy.cli import application_logo
from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.config.settings import LdapServerSettings, RadiusServerSettings
from authproxy.model import JsonValue
from authproxy.secondfactor import applications
from authproxy.secondfactor.api_policy import policy_of
from authproxy.secondfactor.applications import ApplicationRow, Keys
from authproxy.secondfactor.audit import note, shell_actor


@click.group("application")
def command() -> None:
    """Applications of the embedded service: server sections that use it, and clients of its API with keys."""


command.add_command(application_logo.command)


@command.command("add")
@click.argument("name")
@click.option("--type", "type_", type=click.Choice(applications.TYPES), required=True, help="which API it may use")
@click.option("--allow-v1-signatures", is_flag=True, help="for duo_unix before 2.0.4: requests that carry no date")
@click.option("--policy", metavar="KEY=VALUE", multiple=True, help="what differs from [service]")
@click.option("--permission", "permissions", metavar="NAME", multiple=True, help="what an adminapi may do")
@click.option(
    "--redirect-uri", "uris", metavar="URI", multiple=True, help="where a websdk's prompt may lead back to"
)
@click.option("--notes", default="")
@service_command
def add(
    shell: Shell,
    name: str,
    type_: str,
    allow_v1_signatures: bool,
    policy: tuple[str, ...],
    permissions: tuple[str, ...],
    uris: tuple[str, ...],
    notes: str,
) -> None:
    """Register a client of the API, and show the keys it is configured with.

    Permissions: admins, admins_read, info, integrations, read_log, read_resource, write_resource, settings and
    allow_to_set_permissions.

    Policy: username_normalization=simple|none, new_user_policy=deny|allow|enroll, factors=push,phone,sms,passcode
    and verified_push=true|false.
    """
    with shell.writing() as connection:
        keys = applications.add_application(
            connection,
            shell.seeds(),
            name,
            type_,
            allow_v1_signatures,
            notes,
            policy_of(policy),
            permissions,
            uris,
        )
        made = applications.find_application(connection, keys.ikey)
        note(connection, shell_actor(), "application add", made.name, _as_json(made))
    _show_keys(shell, made, keys)


@command.command("set")
@click.argument("name")
@click.option("--permission", "permissions", metavar="NAME", multiple=True, help="all that an adminapi may do")
@click.option("--no-permissions", is_flag=True, help="take all away")
@click.option("--redirect-uri", "uris", metavar="URI", multiple=True, help="all that a prompt may lead back to")
@click.option("--self-service/--no-self-service", default=None, help="whether the prompt leads to the portal")
@click.option("--notes")
@service_command
def set_(
    shell: Shell,
    name: str,
    permissions: tuple[str, ...],
    no_permissions: bool,
    uris: tuple[str, ...],
    self_service: bool | None,
    notes: str | None,
) -> None:
    """Change a client of the API; what is not named stays."""
    changes: Shown = {}
    if permissions or no_permissions:
        changes["permissions"] = list[JsonValue](permissions)
    if uris:
        changes["redirect_uris"] = list[JsonValue](uris)
    if self_service is not None:
        changes["self_service"] = self_service
    if notes is not None:
        changes["notes"] = notes
    with shell.writing() as connection:
        found = applications.find_application(connection, name)
        applications.change_application(connection, found, changes)
        after = applications.find_application(connection, found.ikey)
        note(connection, shell_actor(), "application set", found.name, _as_json(after), before=_as_json(found))
    shell.show(_as_json(after), f"changed {after.name}")


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List sections that use the service, and clients of its API."""
    with shell.reading() as connection:
        keyed = [_as_row(each) for each in applications.list_applications(connection)]
    columns = ["name", "type", "ikey", "section", "mode", "port", "factors"]
    shell.show_list("applications", [*_sections(shell), *keyed], columns, "no applications")


@command.command("show")
@click.argument("name")
@click.option("--keys", is_flag=True, help="with the secret key")
@service_command
def show(shell: Shell, name: str, keys: bool) -> None:
    """Show a client of the API, by name or ikey."""
    with shell.reading() as connection:
        found = applications.find_application(connection, name)
        skey = applications.secret_key(connection, shell.seeds(), found) if keys else None
    shell.show_fields({**_as_json(found), "skey": skey})


@command.command("rotate")
@click.argument("name")
@service_command
def rotate(shell: Shell, name: str) -> None:
    """Make a new secret key: the old one is refused within a second."""
    with shell.writing() as connection:
        found = applications.find_application(connection, name)
        keys = applications.rotate_key(connection, shell.seeds(), found)
        note(connection, shell_actor(), "application rotate", found.name, {"ikey": found.ikey})
    _show_keys(shell, found, keys)


@command.command("delete")
@click.argument("name")
@service_command
def delete(shell: Shell, name: str) -> None:
    """Delete a client of the API: its requests are refused within a second."""
    with shell.writing() as connection:
        found = applications.find_application(connection, name)
        applications.delete_application(connection, found)
        note(connection, shell_actor(), "application delete", found.name, {"ikey": found.ikey})
    shell.show({"deleted": found.name, "ikey": found.ikey}, f"deleted {found.name}")


# ---------------------------------------------------------------- what is shown


def _sections(shell: Shell) -> list[Shown]:
    settings = shell.opened.settings
    sections: list[RadiusServerSettings | LdapServerSettings] = [*settings.radius_servers, *settings.ldap_servers]
    return [
        {
            "name": section.application or section.name,
            "type": "radius" if isinstance(section, RadiusServerSettings) else "ldap",
            "ikey": None,
            "section": section.name,
            "mode": str(section.mode) if isinstance(section, RadiusServerSettings) else "auto",
            "port": section.port,
            "factors": [str(factor) for factor in section.factors],
        }
        for section in sections
        if section.remote is None
    ]


def _as_row(each: ApplicationRow) -> Shown:
    """With the keys of a section's row, so that all can be read alike."""
    factors = each.policy.get("factors")
    return {
        "name": each.name,
        "type": each.type,
        "ikey": each.ikey,
        "section": None,
        "mode": None,
        "port": None,
        "factors": factors if isinstance(factors, list) else None,
    }


def _as_json(each: ApplicationRow) -> Shown:
    """The keys are an interface."""
    return {
        "name": each.name,
        "type": each.type,
        "ikey": each.ikey,
        "allow_v1_signatures": each.allow_v1_signatures,
        "policy": dict[str, JsonValue](each.policy),
        "permissions": list(each.permissions),
        "redirect_uris": list(each.redirect_uris),
        "self_service": each.self_service,
        "notes": each.notes,
        "created": iso(each.created),
    }


def _show_keys(shell: Shell, application: ApplicationRow, keys: Keys) -> None:
    shown: Shown = {
        "name": application.name,
        "type": application.type,
        "ikey": keys.ikey,
        "skey": keys.skey,
    }
    shell.show_fields(shown)
