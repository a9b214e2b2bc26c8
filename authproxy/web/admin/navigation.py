"""The panel's menu: what an administrator may come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authproxy.secondfactor.roles import Permission
from authproxy.web.pages.catalogue import _

if TYPE_CHECKING:
    from authproxy.web.admin.visit import Visit


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    path: str
    needs: Permission


@dataclass(frozen=True, slots=True)
class Item:
    title: str
    path: str
    is_here: bool


_ENTRIES: Final = (
    Entry(_("Dashboard"), "/admin/", Permission.VIEW),
    Entry(_("Users"), "/admin/users", Permission.VIEW),
    Entry(_("Groups"), "/admin/groups", Permission.VIEW),
    Entry(_("Phones"), "/admin/phones", Permission.VIEW),
    Entry(_("Tokens"), "/admin/tokens", Permission.VIEW),
    Entry(_("Security keys"), "/admin/security-keys", Permission.VIEW),
    Entry(_("Bypass codes"), "/admin/bypass-codes", Permission.VIEW),
    Entry(_("Enrollment"), "/admin/invitations", Permission.VIEW),
    Entry(_("Directories"), "/admin/directories", Permission.VIEW),
    Entry(_("Applications"), "/admin/applications", Permission.VIEW),
    Entry(_("Policies"), "/admin/policies", Permission.VIEW),
    Entry(_("Authentication log"), "/admin/logs/authentication", Permission.VIEW_LOGS),
    Entry(_("Administrator log"), "/admin/logs/administrators", Permission.VIEW_LOGS),
    Entry(_("Telephony log"), "/admin/logs/telephony", Permission.VIEW_LOGS),
    Entry(_("Messages"), "/admin/messages", Permission.VIEW_LOGS),
    Entry(_("Service status"), "/admin/status", Permission.VIEW),
    Entry(_("Administrators"), "/admin/administrators", Permission.ADMINISTRATORS),
    Entry(_("Settings"), "/admin/settings", Permission.MODIFY_SETTINGS),
    Entry(_("Billing"), "/admin/billing", Permission.BILLING),
)


def menu(visit: Visit) -> list[Item]:
    here = visit.request.url.path
    found = [entry for entry in _ENTRIES if visit.may(entry.needs)]
    return [Item(visit.gettext(entry.title), entry.path, _is_here(entry.path, here)) for entry in found]


def _is_here(path: str, here: str) -> bool:
    return here == path or (path != "/admin/" and here.startswith(f"{path}/"))
