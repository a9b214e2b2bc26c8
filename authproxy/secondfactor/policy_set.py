"""All policies and where they are assigned, as logins look at them. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from authproxy.secondfactor.policy_merge import Layer, Level
from authproxy.secondfactor.policy_sections import Sections, read_sections


@dataclass(frozen=True, slots=True)
class Policy:
    """``id``: ``PO`` and 18 characters. ``created`` and ``changed`` in epoch seconds."""

    id: str
    name: str
    is_global: bool
    sections: Sections
    created: float = 0.0
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """A policy on an application: its own, or that of a group there. Of several groups the lower ``position`` is
    the stronger."""

    application: str
    group_id: str
    group: str
    policy_id: str
    position: int = 1

    @property
    def where(self) -> str:
        return f"group {self.group} on {self.application}" if self.group_id else f"application {self.application}"


@dataclass(frozen=True, slots=True)
class PolicySet:
    """``of_groups``: application to its groups' layers, strongest first, each with the group's ID."""

    of_groups: Mapping[str, tuple[tuple[str, Layer], ...]] = field(default_factory=dict)
    of_applications: Mapping[str, Layer] = field(default_factory=dict)
    everywhere: Layer | None = None

    @classmethod
    def of(cls, policies: Iterable[Policy], links: Iterable[Link]) -> PolicySet:
        by_id = {policy.id: policy for policy in policies}
        of_groups: dict[str, list[tuple[str, Layer]]] = {}
        of_applications: dict[str, Layer] = {}
        for link in sorted(links, key=lambda link: (link.position, link.group)):
            if link.policy_id not in by_id:
                continue
            level = Level.GROUP if link.group_id else Level.APPLICATION
            layer = _layer(by_id[link.policy_id], level, link.where)
            if link.group_id:
                of_groups.setdefault(link.application, []).append((link.group_id, layer))
            else:
                of_applications[link.application] = layer
        everywhere = next(
            (_layer(each, Level.GLOBAL, "global") for each in by_id.values() if each.is_global), None
        )
        return cls({name: tuple(layers) for name, layers in of_groups.items()}, of_applications, everywhere)

    def asks_for_groups(self, application: str) -> bool:
        """Whether it matters which groups a user is in."""
        return application in self.of_groups

    def layers(self, application: str, groups: Collection[str], own: Layer | None, base: Layer) -> list[Layer]:
        """The strongest first. ``groups``: IDs. ``own``: what the application's settings say."""
        found: list[Layer | None] = [
            *(layer for group_id, layer in self.of_groups.get(application, ()) if group_id in groups),
            self.of_applications.get(application),
            own,
            self.everywhere,
            base,
        ]
        return [layer for layer in found if layer is not None]


def _layer(policy: Policy, level: Level, where: str) -> Layer:
    return Layer(level, policy.sections, policy.name, policy.id, where)


def policy_of_row(
    id_: str, name: str, is_global: int, sections: str, created: float = 0.0, changed: float = 0.0
) -> Policy:
    """Raises BadValue or ValueError for what nothing here has stored."""
    return Policy(id_, name, bool(is_global), read_sections(json.loads(sections)), created, changed)
