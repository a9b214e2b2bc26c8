"""``authproxy policy``: who is asked for what, where, and by which policy."""

from __future__ import annotations

from collections.abc import Mapping

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.settings import defaults_of
from authproxy.model import JsonValue
from authproxy.secondfactor import policies, policy_view
from authproxy.secondfactor.audit import shell_actor
from authproxy.secondfactor.policy_sections import SECTIONS, Sections
from authproxy.secondfactor.policy_set import Link, Policy
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.users import find_user

Typed = dict[str, dict[str, object]]


@click.group("policy")
def command() -> None:
    """Policies: everywhere, on an application, or for a group on an application. They act on the next login."""


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List policies, and where each is assigned."""
    with shell.reading() as connection:
        found, links = policies.list_policies(connection), policies.list_links(connection)
    rows = [_row(policy, links) for policy in found]
    shell.show_list("policies", rows, ["name", "assigned", "sections"], "no policies")


@command.command("show")
@click.argument("name")
@service_command
def show(shell: Shell, name: str) -> None:
    """Show what a policy decides. NAME is its name, its ID, or `global`."""
    with shell.reading() as connection:
        policy, links = policies.find_policy(connection, name), policies.list_links(connection)
    _show(shell, policy, links)


@command.command("set")
@click.argument("name")
@click.argument("values", metavar="[SECTION.FIELD=VALUE]...", nargs=-1)
@click.option("--drop", metavar="SECTION", multiple=True, help="leave this section to weaker policies again")
@service_command
def set_(shell: Shell, name: str, values: tuple[str, ...], drop: tuple[str, ...]) -> None:
    """Change a policy, or make it if there is none of that name. `global` is the one that applies everywhere.

    Sections and fields are those of `authproxy policy sections`. Fields of a section that were never given are as
    by default.
    """
    given = _typed(values)
    with shell.writing() as connection:
        actor, links = shell_actor(), policies.list_links(connection)
        try:
            before = policies.find_policy(connection, name)
        except NotFound:
            is_global = name.strip().casefold() == "global"
            title = policies.GLOBAL if is_global else name
            policy = policies.add_policy(connection, actor, title, given, is_global=is_global)
        else:
            sections = _laid_over(before.sections, given, drop)
            policy = policies.change_policy(connection, actor, before, sections=sections)
    _show(shell, policy, links)


@command.command("delete")
@click.argument("name")
@service_command
def delete(shell: Shell, name: str) -> None:
    """Delete a policy. Where it was assigned nothing takes its place."""
    with shell.writing() as connection:
        policy = policies.find_policy(connection, name)
        policies.delete_policy(connection, shell_actor(), policy)
    shell.show({"deleted": policy.name, "id": policy.id}, f"deleted {policy.name}")


@command.command("assign")
@click.argument("name")
@click.option("--application", required=True, help="name of a server section's application, or of an API client")
@click.option("--group", default="", help="for this group there only, by name or ID")
@service_command
def assign(shell: Shell, name: str, application: str, group: str) -> None:
    """Assign a policy to an application, in place of the one before. NAME `none` takes it away.

    Of several groups that a user is in, the one that was assigned first is the strongest; `authproxy policy order`
    changes that.
    """
    with shell.writing() as connection:
        policy = None if name == "none" else policies.find_policy(connection, name)
        policies.assign(connection, shell_actor(), application, policy, group)
        links = policies.list_links(connection, application)
        names = {each.id: each.name for each in policies.list_policies(connection)}
    _show_links(shell, links, names)


@command.command("order")
@click.argument("application")
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@service_command
def order(shell: Shell, application: str, groups: tuple[str, ...]) -> None:
    """Say in which order the groups of an application count, the strongest first."""
    with shell.writing() as connection:
        ids = {link.group: link.group_id for link in policies.list_links(connection, application)}
        policies.order_groups(connection, shell_actor(), application, [ids.get(each, each) for each in groups])
        links = policies.list_links(connection, application)
        names = {each.id: each.name for each in policies.list_policies(connection)}
    _show_links(shell, links, names)


@command.command("effective")
@click.option("--application", required=True)
@click.option("--user", help="by name; without, somebody whom the service does not know")
@service_command
def effective(shell: Shell, application: str, user: str | None) -> None:
    """Show what applies to a user at an application: each section, who decided it, and why."""
    with shell.reading() as connection:
        user_id = find_user(connection, user, shell.mode).id if user is not None else None
        seen = policy_view.view(connection, defaults_of(shell), application, user_id)
    rows: list[Shown] = [
        {
            "section": each.section,
            "value": each.value,
            "decided_by": each.layer.title,
            "why": each.why,
            "level": str(each.layer.level),
            "policy_id": each.layer.policy_id or None,
        }
        for each in seen.rulings
    ]
    shell.show_list("sections", rows, ["section", "value", "decided_by", "why"], "")


@command.command("sections")
@service_command
def sections(shell: Shell) -> None:
    """Show what policies can decide."""
    rows: list[Shown] = [
        {
            "field": f"{name}.{key}",
            "wanted": field.kind.wanted,
            "default": policy_view.typed(field.default),
            "about": field.about,
        }
        for name, fields in SECTIONS.items()
        for key, field in fields.items()
    ]
    shell.show_list("fields", rows, ["field", "default", "about", "wanted"], "")


# ---------------------------------------------------------------- what is typed


def _typed(values: tuple[str, ...]) -> Typed:
    """Raises BadValue."""
    found: Typed = {}
    for word in values:
        path, sign, value = word.partition("=")
        section, dot, name = path.strip().partition(".")
        if not (sign and dot):
            raise BadValue(f"{word!r}: SECTION.FIELD=VALUE is wanted")
        found.setdefault(section, {})[name] = value
    return found


def _laid_over(before: Sections, given: Typed, drop: tuple[str, ...]) -> Mapping[str, Mapping[str, object]]:
    unknown = next((name for name in drop if name not in SECTIONS), None)
    if unknown is not None:
        raise BadValue(f"a policy has no section {unknown!r}")
    after = {name: {**before.get(name, {}), **given.get(name, {})} for name in {**before, **given}}
    return {name: section for name, section in after.items() if name not in drop}


# ---------------------------------------------------------------- what is shown


def _where(policy: Policy, links: list[Link]) -> list[JsonValue]:
    places: list[JsonValue] = [link.where for link in links if link.policy_id == policy.id]
    return ["everywhere"] if policy.is_global else places


def _row(policy: Policy, links: list[Link]) -> Shown:
    names: list[JsonValue] = list(policy.sections)
    return {"name": policy.name, "id": policy.id, "assigned": _where(policy, links), "sections": names}


def _show(shell: Shell, policy: Policy, links: list[Link]) -> None:
    kept: list[JsonValue] = [
        {"field": f"{name}.{key}", "value": value}
        for name, section in policy.sections.items()
        for key, value in section.items()
    ]
    shown: Shown = {
        "id": policy.id,
        "name": policy.name,
        "is_global": policy.is_global,
        "assigned": _where(policy, links),
        "changed": iso(policy.changed),
    }
    if shell.as_json:
        shell.show({**shown, "values": kept}, "")
        return
    shell.show_fields(shown)
    for name, section in policy.sections.items():
        for key, value in section.items():
            click.echo(f"{name}.{key}={policy_view.typed(value)}")


def _show_links(shell: Shell, links: list[Link], names: Mapping[str, str]) -> None:
    rows: list[Shown] = [
        {
            "where": link.where,
            "policy": names.get(link.policy_id),
            "position": link.position if link.group_id else None,
        }
        for link in links
    ]
    shell.show_list("assigned", rows, ["where", "policy", "position"], "no policy is assigned there")
