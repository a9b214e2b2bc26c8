"""What applies to one user at one application, and why, as administrators see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.account_settings import Defaults
from authproxy.secondfactor.api_policy import own_layer
from authproxy.secondfactor.policy_merge import Effective, Layer, Level, merge
from authproxy.secondfactor.policy_sections import SECTIONS, Section, read_section
from authproxy.secondfactor.rulebook import read_rules
from authproxy.store.tables import applications, groups, user_groups


@dataclass(frozen=True, slots=True)
class Ruling:
    """A section, its value in words, and the layer that decided it. ``outranked``: weaker layers that have it too;
    their words do not count here."""

    section: str
    value: str
    layer: Layer
    outranked: tuple[Layer, ...]

    @property
    def why(self) -> str:
        if self.outranked:
            return f"outranks {', '.join(each.title for each in self.outranked)}"
        return "decided nowhere else" if self.layer.level is not Level.DEFAULT else "no policy decides it"


@dataclass(frozen=True, slots=True)
class View:
    """``layers``: the strongest first. ``member_of``: names of the user's groups."""

    effective: Effective
    layers: tuple[Layer, ...]
    rulings: tuple[Ruling, ...]
    member_of: tuple[str, ...]


def view(connection: sa.Connection, defaults: Defaults, application: str, user_id: str | None) -> View:
    """``user_id`` None: somebody whom the service does not know. Raises BadValue for rows that can't be read."""
    rules = read_rules(connection, defaults)
    member_of = _groups(connection, user_id) if user_id is not None else {}
    own = _own(connection, application)
    layers = rules.policies.layers(application, frozenset(member_of), own, rules.base)
    effective = merge(layers)
    rulings = tuple(_ruling(name, effective, layers) for name in SECTIONS)
    return View(effective, tuple(layers), rulings, tuple(sorted(member_of.values())))


def _ruling(name: str, effective: Effective, layers: list[Layer]) -> Ruling:
    layer = effective.decided[name]
    weaker = tuple(each for each in layers if each is not layer and name in each.sections)
    return Ruling(name, in_words(effective.values[name]), layer, weaker)


def in_words(section: Section) -> str:
    """``threshold 10, minutes 15``; a section of one field is its value."""
    if len(section) == 1:
        return _shown(next(iter(section.values())))
    return ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in section.items())


def typed(value: JsonValue) -> str:
    """As an administrator would type it: what a form shows."""
    match value:
        case list():
            return ", ".join(str(each) for each in value)
        case dict():
            return ", ".join(f"{key}={each}" for key, each in value.items())
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _shown(value: JsonValue) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case _:
            return typed(value) or "none"


def _groups(connection: sa.Connection, user_id: str) -> dict[str, str]:
    query = (
        sa.select(groups.c.id, groups.c.name)
        .join(user_groups, user_groups.c.group_id == groups.c.id)
        .where(user_groups.c.user_id == user_id)
    )
    return {row.id: row.name for row in connection.execute(query)}


def _own(connection: sa.Connection, application: str) -> Layer | None:
    query = sa.select(applications.c.policy, applications.c.self_service).where(applications.c.name == application)
    row = connection.execute(query).first()
    if row is None:
        return None
    kept: Mapping[str, object] = json.loads(row.policy)
    layer = own_layer(application, kept)
    if not row.self_service:
        return layer
    portal = {"self_service": read_section("self_service", {"portal": True})}
    if layer is None:
        return Layer(Level.OWN, portal, where=f"settings of application {application}")
    return Layer(layer.level, {**portal, **layer.sections}, where=layer.where)
