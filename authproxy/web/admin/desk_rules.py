"""What the account's settings take from some roles, beyond the matrix of permissions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor.account_settings import AccountSettings, Defaults, read_settings
from authproxy.secondfactor.groups import statuses_of
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.roles import Permission, Role
from authproxy.web.admin.visit import Visit

_MINUTE: Final = 60


def settings_of(visit: Visit, connection: sa.Connection) -> AccountSettings:
    return read_settings(connection, Defaults(visit.rooms.settings))


def may_exempt(visit: Visit, connection: sa.Connection, status: str) -> None:
    """Raises NotDone when a user manager may not put users in bypass. ``status``: as it
    was typed."""
    if status.strip().lower() != "bypass" or visit.admin.role != Role.USER_MANAGER:
        return
    if not settings_of(visit, connection).flag("user_managers_can_put_users_in_bypass"):
        raise NotDone(visit.gettext("the account's settings do not let user managers put users in bypass"))


def may_join(visit: Visit, connection: sa.Connection, names: Iterable[str]) -> None:
    """The same for groups that users are put in: who is in one that is in bypass, is so too."""
    if visit.admin.role == Role.USER_MANAGER and "bypass" in statuses_of(connection, names):
        may_exempt(visit, connection, "bypass")


def may_give_code(visit: Visit, connection: sa.Connection, seconds: int) -> None:
    """Of the help desk's bypass codes: ``helpdesk_bypass`` allows them, limits their time, or denies them. Raises
    NotDone."""
    if visit.admin.role != Role.HELP_DESK:
        return
    settings = settings_of(visit, connection)
    rule, most = settings.text("helpdesk_bypass"), settings.number("helpdesk_bypass_expiration")
    if rule == "deny":
        raise NotDone(visit.gettext("the account's settings do not let the help desk make bypass codes"))
    if rule == "limit" and not seconds:
        raise NotDone(visit.gettext("the help desk's bypass codes must expire after a time"))
    if rule == "limit" and most and seconds > most * _MINUTE:
        told = visit.gettext("the help desk's bypass codes must expire within %(minutes)d minutes")
        raise NotDone(told % {"minutes": most})


def may_invite(visit: Visit, connection: sa.Connection) -> bool:
    """Who may add users may invite them; the help desk, if ``helpdesk_can_send_enroll_email`` says so."""
    if visit.may(Permission.MODIFY_USERS):
        return True
    is_desk = visit.admin.role == Role.HELP_DESK
    return is_desk and settings_of(visit, connection).flag("helpdesk_can_send_enroll_email")
