"""Applications with keys: the list, a new one, what it may do, its keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import applications
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.applications import (
    TYPES,
    ApplicationRow,
    Keys,
    find_application,
    list_some_applications,
)
from authproxy.secondfactor.groups import list_groups, some_groups
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.lost_update import seal
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_COLUMNS: Final = ("name", "type", "ikey", "self_service", "permissions", "redirect_uris", "notes", "created")
_EDITED: Final = ("name", "notes", "allow_v1_signatures", "redirect_uris", "groups_allowed", "self_service")
_PERMITTED: Final = ("permissions",)
_CHANGED: Final = (*_EDITED, *_PERMITTED)
_GROUPS_SHOWN: Final = Window(200)
_ADMIN_API: Final = "adminapi"


async def show_list(visit: Visit) -> Response:
    window = window_of(visit)

    def look(connection: sa.Connection) -> Response:
        found = list_some_applications(connection, window)
        return visit.render(
            "admin/applications/list.html",
            applications=found.rows,
            pager=pager(visit, found, window),
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


async def export(visit: Visit) -> Response:
    def row(application: ApplicationRow) -> Row:
        told = {name: getattr(application, name) for name in _COLUMNS}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}

    return await exported(visit, "applications", _COLUMNS, of_list(list_some_applications, row))


async def show_add(visit: Visit) -> Response:
    types = [type_ for type_ in TYPES if _may_hold_keys(visit, type_)]
    return visit.render("admin/applications/add.html", types=types)


def _may_hold_keys(visit: Visit, type_: str) -> bool:
    """With the keys of an application of the Admin API anybody is an Owner who gives it the permissions."""
    return type_ != _ADMIN_API or visit.may(Permission.ADMINISTRATORS)


def _check_keys(visit: Visit, type_: str) -> None:
    """Raises NotDone."""
    if not _may_hold_keys(visit, type_):
        raise NotDone("keys of the Admin API are for Owners alone: it can make administrators")


async def add(visit: Visit) -> Response:
    """Its keys are on the page that answers, as on the page of :func:`keys`."""
    form, seeds = visit.form, visit.rooms.seeds

    def change(connection: sa.Connection) -> Response:
        _check_keys(visit, form.get("type"))
        made = applications.add_application(
            connection, seeds, form.get("name"), form.get("type"), notes=form.get("notes")
        )
        application = find_application(connection, made.ikey)
        visit.note(connection, "application add", application.name, {"ikey": made.ikey, "type": application.type})
        return _keys_page(visit, application, made)

    return await visit.change(change)


async def show(visit: Visit) -> Response:
    def look(connection: sa.Connection) -> Response:
        application = _find(visit, connection)
        return visit.render(
            "admin/applications/application.html",
            application=application,
            sealed=seal(_told(application, _EDITED)),
            sealed_permissions=seal(_told(application, _PERMITTED)),
            allowed=some_groups(connection, application.groups_allowed),
            groups=list_groups(connection, _GROUPS_SHOWN).rows,
            permissions=[str(each) for each in ApiPermission],
            may_hold_keys=_may_hold_keys(visit, application.type),
        )

    return await visit.read(look)


def _find(visit: Visit, connection: sa.Connection) -> ApplicationRow:
    """By its ikey alone: a name may be anything. Raises NotFound."""
    found = find_application(connection, visit.path["application"])
    if found.ikey != visit.path["application"]:
        raise NotFound("there is no such application")
    return found


async def edit(visit: Visit) -> Response:
    """Permissions of the Admin API are given on a page of their own, by Owners, whom it asks for password and
    factor."""
    form = visit.form

    def change(connection: sa.Connection) -> None:
        application = _find(visit, connection)
        visit.check_unchanged(_told(application, _EDITED))
        groups = [*form.all("group"), *([form.get("allow")] if form.get("allow") else [])]
        wanted: dict[str, JsonValue] = {
            "name": form.get("name"),
            "notes": form.get("notes"),
            "allow_v1_signatures": form.has("allow_v1_signatures"),
            "self_service": form.has("self_service"),
            "redirect_uris": [line.strip() for line in form.raw("redirect_uris").splitlines() if line.strip()],
            "groups_allowed": list[JsonValue](groups),
        }
        _change(visit, connection, application, wanted)

    await visit.change(change)
    return visit.go(f"/admin/applications/{visit.path['application']}", visit.gettext("Saved"))


async def permit(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        application = _find(visit, connection)
        visit.check_unchanged(_told(application, _PERMITTED), f"/admin/applications/{application.ikey}")
        wanted: dict[str, JsonValue] = {"permissions": list[JsonValue](visit.form.all("permission"))}
        _change(visit, connection, application, wanted)

    await visit.change(change)
    return visit.go(f"/admin/applications/{visit.path['application']}", visit.gettext("Saved"))


def _change(
    visit: Visit, connection: sa.Connection, application: ApplicationRow, wanted: dict[str, JsonValue]
) -> None:
    applications.change_application(connection, application, wanted)
    after = find_application(connection, application.ikey)
    changed = [name for name in _CHANGED if getattr(after, name) != getattr(application, name)]
    if changed:
        visit.note(
            connection,
            "application set",
            after.name,
            _told(after, changed),
            _told(application, changed),
        )


def _told(application: ApplicationRow, names: Iterable[str]) -> dict[str, JsonValue]:
    return {name: _plain(getattr(application, name)) for name in names}


def _plain(value: object) -> JsonValue:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if isinstance(value, bool) else str(value)


# ---------------------------------------------------------------- keys


async def keys(visit: Visit) -> Response:
    """Who looked is on record."""

    def work(connection: sa.Connection) -> Response:
        application = _find(visit, connection)
        _check_keys(visit, application.type)
        skey = applications.secret_key(connection, visit.rooms.seeds, application)
        visit.note(connection, "application keys shown", application.name, {"ikey": application.ikey})
        return _keys_page(visit, application, Keys(application.ikey, skey))

    return await visit.change(work)


async def rotate(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> Response:
        application = _find(visit, connection)
        _check_keys(visit, application.type)
        made = applications.rotate_key(connection, visit.rooms.seeds, application)
        visit.note(connection, "application rotate", application.name, {"ikey": application.ikey})
        return _keys_page(visit, application, made)

    return await visit.change(change)


def _keys_page(visit: Visit, application: ApplicationRow, made: Keys) -> Response:
    return visit.render(
        "admin/applications/keys.html",
        application=application,
        keys=made,
        host=visit.rooms.base_url.removeprefix("https://"),
    )


async def delete(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        application = _find(visit, connection)
        applications.delete_application(connection, application)
        told = _told(application, (*_CHANGED, "ikey", "type"))
        visit.note(connection, "application delete", application.name, before=told)

    await visit.change(change)
    return visit.go("/admin/applications", visit.gettext("Deleted"))


_HERE: Final = "/admin/applications/{application}"
PAGES: Final = (
    Page("GET", "/admin/applications", Permission.VIEW, show_list),
    Page("GET", "/admin/applications/export.{form}", Permission.VIEW, export),
    Page("GET", "/admin/applications/add", Permission.MODIFY_APPLICATIONS, show_add),
    Page("POST", "/admin/applications/add", Permission.MODIFY_APPLICATIONS, add),
    Page("GET", _HERE, Permission.VIEW, show),
    Page("POST", _HERE, Permission.MODIFY_APPLICATIONS, edit),
    Page("POST", f"{_HERE}/permissions", Permission.ADMINISTRATORS, permit, is_dangerous=True),
    Page("POST", f"{_HERE}/keys", Permission.MODIFY_APPLICATIONS, keys, is_dangerous=True),
    Page("POST", f"{_HERE}/rotate", Permission.MODIFY_APPLICATIONS, rotate, is_dangerous=True),
    Page("POST", f"{_HERE}/delete", Permission.MODIFY_APPLICATIONS, delete, is_dangerous=True),
)
