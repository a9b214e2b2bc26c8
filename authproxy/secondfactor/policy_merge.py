"""Policies laid one over the other, section by section: what applies, and which of them decided it. Pure.

The first layer that has a section decides it: policies of the user's groups on the application in their order, the
application's policy, what the application's own settings say, the global policy, and last the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from authproxy.secondfactor.policy_sections import (
    SECTIONS,
    Authentication,
    Factors,
    Lockout,
    NewUser,
    RememberedDevices,
    Section,
    Sections,
    SecurityKeys,
    SelfService,
    TrustedNetworks,
    UserLocation,
    VerifiedPush,
)


class Level(StrEnum):
    GROUP = "group on application"
    APPLICATION = "application"
    OWN = "application's own settings"
    GLOBAL = "global"
    DEFAULT = "configuration"


@dataclass(frozen=True, slots=True)
class Layer:
    """``policy``: its name, empty where there is none. ``where``: for people, ``group staff on vpn``."""

    level: Level
    sections: Sections
    policy: str = ""
    policy_id: str = ""
    where: str = ""

    @property
    def title(self) -> str:
        """Who decided, for people and the trail."""
        if not self.policy:
            return self.where or str(self.level)
        return f"policy {self.policy!r} ({self.where or self.level})"


@dataclass(frozen=True, slots=True)
class Effective:
    """What applies to one user at one application. ``values`` and ``decided``: each section as it is kept, and who
    decided it."""

    new_user: NewUser
    authentication: Authentication
    factors: Factors
    verified_push: VerifiedPush
    remembered_devices: RememberedDevices
    security_keys: SecurityKeys
    trusted_networks: TrustedNetworks
    user_location: UserLocation
    self_service: SelfService
    lockout: Lockout
    values: Sections
    decided: Mapping[str, Layer]

    def who_decided(self, section: str) -> str:
        """For the trail: ``policy 'Strict' (application vpn): factors``."""
        return f"{self.decided[section].title}: {section}"

    def is_by_policy(self, section: str) -> bool:
        """Whether an administrator's policy decided it, not the configuration or the application's settings."""
        return bool(self.decided[section].policy)


def merge(layers: Sequence[Layer]) -> Effective:
    """``layers``: the strongest first. A section that none of them has is as by default."""
    values: dict[str, Section] = {}
    decided: dict[str, Layer] = {}
    for name in SECTIONS:
        layer = next((each for each in layers if name in each.sections), _NOBODY)
        decided[name] = layer
        values[name] = layer.sections[name]
    return _effective(values, decided)


def _effective(values: Mapping[str, Any], decided: Mapping[str, Layer]) -> Effective:
    """``values`` were validated when they were stored."""
    return Effective(
        NewUser(**values["new_user"]),
        Authentication(**values["authentication"]),
        Factors.of(values["factors"]),
        VerifiedPush(**values["verified_push"]),
        RememberedDevices(**values["remembered_devices"]),
        SecurityKeys(**values["security_keys"]),
        TrustedNetworks.of(values["trusted_networks"]),
        UserLocation(**values["user_location"]),
        SelfService(**values["self_service"]),
        Lockout(**values["lockout"]),
        values,
        decided,
    )


_NOBODY = Layer(
    Level.DEFAULT,
    {name: {key: spec.default for key, spec in fields.items()} for name, fields in SECTIONS.items()},
)

DEFAULT_POLICY: Final = merge(())
