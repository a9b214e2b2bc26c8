"""What each administrator's role may do. Pure: this table is the only place where it is decided."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """As the Admin API spells them."""

    OWNER = "Owner"
    ADMINISTRATOR = "Administrator"
    APPLICATION_MANAGER = "Application Manager"
    USER_MANAGER = "User Manager"
    HELP_DESK = "Help Desk"
    BILLING = "Billing"
    READ_ONLY = "Read-only"


class Permission(StrEnum):
    """``VIEW``: users, devices, applications and how things are, never a secret."""

    VIEW = "view"
    VIEW_LOGS = "view logs"
    MODIFY_DEVICES = "modify phones, tokens and bypass codes"
    MODIFY_USERS = "modify users and groups"
    MODIFY_APPLICATIONS = "modify applications"
    MODIFY_SETTINGS = "modify settings"
    BILLING = "view and modify billing"
    ADMINISTRATORS = "view and modify administrators"


_P = Permission
_LOOKS: Final = frozenset((_P.VIEW, _P.VIEW_LOGS))

MATRIX: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.OWNER: frozenset(_P),
        Role.ADMINISTRATOR: frozenset(_P) - {_P.BILLING, _P.ADMINISTRATORS},
        Role.APPLICATION_MANAGER: _LOOKS | {_P.MODIFY_APPLICATIONS},
        Role.USER_MANAGER: _LOOKS | {_P.MODIFY_DEVICES, _P.MODIFY_USERS},
        Role.HELP_DESK: _LOOKS | {_P.MODIFY_DEVICES},
        Role.BILLING: frozenset((_P.BILLING,)),
        Role.READ_ONLY: _LOOKS,
    }
)


def may(role: Role, permission: Permission) -> bool:
    return permission in MATRIX[role]
