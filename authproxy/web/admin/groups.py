"""Groups: the list, a new one, one of them with its members."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import groups
from authproxy.secondfactor.groups import Group, find_group, list_groups, list_members
from authproxy.secondfactor.lost_update import seal
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import STATUSES, find_user
from authproxy.web.admin.desk_rules import may_exempt
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_COLUMNS: Final = ("name", "status", "members", "notes", "created")
_FIELDS: Final = ("name", "status", "notes")


async def show_list(visit: Visit) -> Response:
    window, text = window_of(visit), visit.query.get("text", "")[:200]

    def look(connection: sa.Connection) -> Response:
        found = list_groups(connection, window, text)
        return visit.render(
            "admin/groups/list.html",
            groups=found.rows,
            pager=pager(visit, found, window),
            statuses=STATUSES,
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


async def export(visit: Visit) -> Response:
    text = visit.query.get("text", "")[:200]

    def row(group: Group) -> Row:
        return {name: getattr(group, name) for name in _COLUMNS}

    reads = of_list(lambda connection, window: list_groups(connection, window, text), row)
    return await exported(visit, "groups", _COLUMNS, reads)


async def add(visit: Visit) -> Response:
    form = visit.form

    def change(connection: sa.Connection) -> Group:
        status = form.get("status", "active")
        may_exempt(visit, connection, status)
        group = groups.add_group(connection, form.get("name"), status, form.get("notes"))
        visit.note(connection, "group add", group.name, _told(group))
        return group

    group = await visit.change(change)
    return visit.go(f"/admin/groups/{group.id}", visit.gettext("Added"))


async def show(visit: Visit) -> Response:
    window = window_of(visit)

    def look(connection: sa.Connection) -> Response:
        group = find_group(connection, visit.path["group"])
        members = list_members(connection, group, window)
        return visit.render(
            "admin/groups/group.html",
            group=group,
            sealed=seal(_told(group)),
            members=members.rows,
            pager=pager(visit, members, window),
            statuses=STATUSES,
            now=visit.rooms.now(),
        )

    return await visit.read(look)


def _told(group: Group) -> dict[str, JsonValue]:
    return {name: getattr(group, name) for name in _FIELDS}


async def edit(visit: Visit) -> Response:
    wanted = {name: visit.form.get(name) for name in _FIELDS}

    def change(connection: sa.Connection) -> None:
        group = find_group(connection, visit.path["group"])
        visit.check_unchanged(_told(group))
        if wanted["status"] != group.status:
            may_exempt(visit, connection, wanted["status"])
        groups.change_group(connection, group, wanted)
        after = find_group(connection, group.id)
        changed = [name for name in _FIELDS if getattr(after, name) != getattr(group, name)]
        if changed:
            told = [{name: getattr(each, name) for name in changed} for each in (after, group)]
            visit.note(connection, "group set", after.name, told[0], told[1])

    await visit.change(change)
    return visit.go(f"/admin/groups/{visit.path['group']}", visit.gettext("Saved"))


async def join(visit: Visit) -> Response:
    return await _membership(visit, is_joining=True)


async def leave(visit: Visit) -> Response:
    return await _membership(visit, is_joining=False)


async def _membership(visit: Visit, *, is_joining: bool) -> Response:
    mode = visit.rooms.settings.username_normalization

    def change(connection: sa.Connection) -> bool:
        group = find_group(connection, visit.path["group"])
        user = find_user(connection, visit.form.get("user"), mode)
        done = (groups.add_member if is_joining else groups.remove_member)(connection, group, user)
        if done:
            visit.note(
                connection, "group join" if is_joining else "group leave", user.username, {"group": group.name}
            )
        return done

    done = await visit.change(change)
    told = visit.gettext("Saved") if done else visit.gettext("Nothing had to be changed")
    return visit.go(f"/admin/groups/{visit.path['group']}", told)


async def show_delete(visit: Visit) -> Response:
    return await visit.read(
        lambda connection: visit.render(
            "admin/groups/delete.html", group=find_group(connection, visit.path["group"])
        )
    )


async def delete(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        group = find_group(connection, visit.path["group"])
        groups.delete_group(connection, group)
        told = {name: getattr(group, name) for name in (*_FIELDS, "members")}
        visit.note(connection, "group delete", group.name, before=told)

    await visit.change(change)
    return visit.go("/admin/groups", visit.gettext("Deleted"))


PAGES: Final = (
    Page("GET", "/admin/groups", Permission.VIEW, show_list),
    Page("GET", "/admin/groups/export.{form}", Permission.VIEW, export),
    Page("POST", "/admin/groups/add", Permission.MODIFY_USERS, add),
    Page("GET", "/admin/groups/{group}", Permission.VIEW, show),
    Page("POST", "/admin/groups/{group}", Permission.MODIFY_USERS, edit),
    Page("POST", "/admin/groups/{group}/join", Permission.MODIFY_USERS, join),
    Page("POST", "/admin/groups/{group}/leave", Permission.MODIFY_USERS, leave),
    Page("GET", "/admin/groups/{group}/delete", Permission.MODIFY_USERS, show_delete),
    Page("POST", "/admin/groups/{group}/delete", Permission.MODIFY_USERS, delete),
)
