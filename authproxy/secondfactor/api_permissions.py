"""What an Admin API application may do. Each permission is granted by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from authproxy.secondfactor.refusals import BadValue


class ApiPermission(StrEnum):
    """As clients of the API spell them."""

    ADMINS = "adminapi_admins"  # administrators
    ADMINS_READ = "adminapi_admins_read"  # administrators, only looking
    INFO = "adminapi_info"  # how many there are, how often they log in
    INTEGRATIONS = "adminapi_integrations"  # applications, with their secret keys
    READ_LOG = "adminapi_read_log"
    READ_RESOURCE = "adminapi_read_resource"  # users, groups, devices, policies
    WRITE_RESOURCE = "adminapi_write_resource"
    SETTINGS = "adminapi_settings"
    SET_PERMISSIONS = "adminapi_allow_to_set_permissions"  # give other applications permissions of this kind


def checked_permissions(words: Iterable[str]) -> tuple[ApiPermission, ...]:
    """In their order, ``adminapi_`` may be left out. Raises BadValue."""
    given = {_checked(word) for word in words}
    return tuple(each for each in ApiPermission if each in given)


def _checked(word: str) -> ApiPermission:
    name = word.strip().lower().removeprefix("adminapi_")
    try:
        return ApiPermission(f"adminapi_{name}")
    except ValueError:
        names = ", ".join(each.removeprefix("adminapi_") for each in ApiPermission)
        raise BadValue(f"{word!r} is no permission; wanted {names}") from None
