"""Policies as administrators keep them. Every function works in the transaction it is handed, and what changes
something writes its row of the record."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.policy_sections import read_sections
from authproxy.secondfactor.policy_set import Link, Policy, policy_of_row
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.store.tables import groups, policies, policy_links

GLOBAL: Final = "Global Policy"
_LONGEST_NAME: Final = 100
_COLUMNS = ("id", "name", "is_global", "sections", "created", "changed")

Given = Mapping[str, Mapping[str, object]]


def list_policies(connection: sa.Connection) -> list[Policy]:
    """The global one first, then by name."""
    return _found(connection, sa.true())


def find_policy(connection: sa.Connection, name: str) -> Policy:
    """By ID or name, or ``global``. Raises NotFound."""
    key = name.strip()
    where = policies.c.is_global == 1 if key.casefold() == "global" else _is(key)
    found = _found(connection, where)
    if not found:
        raise NotFound(f"there is no policy {name!r}")
    return found[0]


def global_policy(connection: sa.Connection) -> Policy | None:
    return next(iter(_found(connection, policies.c.is_global == 1)), None)


def add_policy(
    connection: sa.Connection,
    actor: str,
    name: str,
    sections: Given,
    *,
    is_global: bool = False,
    address: str = "",
) -> Policy:
    """Raises BadValue, AlreadyThere."""
    if is_global and global_policy(connection) is not None:
        raise AlreadyThere("there is a global policy already")
    now = time.time()
    policy = Policy(new_id("PO"), _checked_name(name), is_global, read_sections(sections), now, now)
    _store(connection, policies.insert(), policy)
    note(connection, actor, "policy add", policy.name, _told(policy), address=address)
    return policy


def change_policy(
    connection: sa.Connection,
    actor: str,
    policy: Policy,
    *,
    name: str | None = None,
    sections: Given | None = None,
    address: str = "",
) -> Policy:
    """``sections``: all that it decides from now on. Raises BadValue, AlreadyThere."""
    after = Policy(
        policy.id,
        policy.name if name is None else _checked_name(name),
        policy.is_global,
        policy.sections if sections is None else read_sections(sections),
        policy.created,
        time.time(),
    )
    if (after.name, after.sections) == (policy.name, policy.sections):
        return policy
    _store(connection, policies.update().where(policies.c.id == policy.id), after)
    note(connection, actor, "policy change", after.name, _told(after), before=_told(policy), address=address)
    return after


def delete_policy(connection: sa.Connection, actor: str, policy: Policy, address: str = "") -> None:
    """Where it was assigned nothing takes its place."""
    connection.execute(policies.delete().where(policies.c.id == policy.id))
    note(connection, actor, "policy delete", policy.name, {}, before=_told(policy), address=address)


# ---------------------------------------------------------------- where they are assigned


def list_links(connection: sa.Connection, application: str | None = None) -> list[Link]:
    """By application; the application's own first, then its groups in their order."""
    query = (
        sa.select(
            policy_links.c.application,
            policy_links.c.group_id,
            sa.func.coalesce(groups.c.name, ""),
            policy_links.c.policy_id,
            policy_links.c.position,
        )
        .select_from(policy_links.outerjoin(groups, groups.c.id == policy_links.c.group_id))
        .where(policy_links.c.application == application if application is not None else sa.true())
        .order_by(policy_links.c.application, policy_links.c.group_id != "", policy_links.c.position)
    )
    return [Link(*row) for row in connection.execute(query)]


def assign(
    connection: sa.Connection,
    actor: str,
    application: str,
    policy: Policy | None,
    group: str = "",
    address: str = "",
) -> None:
    """``policy`` None: none any more. ``group``: a group's ID or name; empty: the application's own. A group that
    had none comes last. Raises BadValue, NotFound."""
    name = application.strip()
    if not name:
        raise BadValue("a policy is assigned to an application: which?")
    if policy is not None and policy.is_global:
        raise BadValue("the global policy applies everywhere as it is")
    group_id, group_name = _group(connection, group) if group else ("", "")
    before = next((link for link in list_links(connection, name) if link.group_id == group_id), None)
    here = sa.and_(policy_links.c.application == name, policy_links.c.group_id == group_id)
    connection.execute(policy_links.delete().where(here))
    if policy is not None:
        position = before.position if before else _last_position(connection, name) + 1
        row = {"application": name, "group_id": group_id, "policy_id": policy.id, "position": position}
        connection.execute(policy_links.insert().values(row))
    was = _name_of(connection, before.policy_id) if before else None
    now = policy.name if policy else None
    if was != now:
        about = f"{group_name} on {name}" if group_name else name
        note(connection, actor, "policy assign", about, {"policy": now}, before={"policy": was}, address=address)


def order_groups(
    connection: sa.Connection, actor: str, application: str, group_ids: Sequence[str], address: str = ""
) -> None:
    """The strongest first. Raises BadValue unless they are all of the application's."""
    links = [link for link in list_links(connection, application) if link.group_id]
    if sorted(link.group_id for link in links) != sorted(group_ids):
        raise BadValue("the order must have every group of the application once")
    for position, group_id in enumerate(group_ids, 1):
        here = sa.and_(policy_links.c.application == application, policy_links.c.group_id == group_id)
        connection.execute(policy_links.update().where(here).values(position=position))
    names = {link.group_id: link.group for link in links}
    before: list[JsonValue] = [link.group for link in links]
    after: list[JsonValue] = [names[group_id] for group_id in group_ids]
    if before != after:
        note(connection, actor, "policy order", application, {"groups": after}, before={"groups": before},
             address=address)  # fmt: skip


def application_renamed(connection: sa.Connection, before: str, after: str | None) -> None:
    """Its assignments go with it. ``after`` None: it is gone."""
    here = policy_links.c.application == before
    if after is None:
        connection.execute(policy_links.delete().where(here))
    else:
        connection.execute(policy_links.update().where(here).values(application=after))


# ---------------------------------------------------------------- within


def _is(key: str) -> sa.ColumnElement[bool]:
    return sa.or_(policies.c.id == key, sa.func.lower(policies.c.name) == key.lower())


def _found(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[Policy]:
    query = (
        sa.select(*(policies.c[name] for name in _COLUMNS))
        .where(where)
        .order_by(policies.c.is_global.desc(), sa.func.lower(policies.c.name))
    )
    return [policy_of_row(*row) for row in connection.execute(query)]


def _store(connection: sa.Connection, statement: sa.Insert | sa.Update, policy: Policy) -> None:
    taken = connection.execute(
        sa.select(policies.c.id).where(
            sa.func.lower(policies.c.name) == policy.name.lower(), policies.c.id != policy.id
        )
    ).first()
    if taken is not None:
        raise AlreadyThere(f"there is a policy {policy.name!r} already")
    connection.execute(
        statement.values(
            id=policy.id,
            name=policy.name,
            is_global=int(policy.is_global),
            sections=json.dumps(dict(policy.sections)),
            created=policy.created,
            changed=policy.changed,
        )
    )


def _told(policy: Policy) -> dict[str, JsonValue]:
    sections: dict[str, JsonValue] = {name: dict(section) for name, section in policy.sections.items()}
    return {"name": policy.name, "sections": sections}


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME or name.casefold() == "global":
        raise BadValue(f"{name[:_LONGEST_NAME]!r} is no name of a policy")
    return name


def _group(connection: sa.Connection, key: str) -> tuple[str, str]:
    """ID and name. Raises NotFound."""
    query = sa.select(groups.c.id, groups.c.name).where(sa.or_(groups.c.id == key, groups.c.name == key))
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no group {key!r}")
    return row.id, row.name


def _last_position(connection: sa.Connection, application: str) -> int:
    query = sa.select(sa.func.max(policy_links.c.position)).where(
        policy_links.c.application == application, policy_links.c.group_id != ""
    )
    return connection.execute(query).scalar() or 0


def _name_of(connection: sa.Connection, policy_id: str) -> str | None:
    return connection.execute(sa.select(policies.c.name).where(policies.c.id == policy_id)).scalar()
