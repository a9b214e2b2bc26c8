"""Groups and their members."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import groups as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.groups import Group
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.refusals import NotFound
from authproxy.web.api.admin.briefs import GROUP, USER, group_brief
from authproxy.web.api.admin.loading import show_users
from authproxy.web.api.admin.operation import Asked, Part, listed, table
from authproxy.web.api.admin.shapes import TEXT, many, record

_MOST_USERS = 300
_LONGEST_NOTES = 4096
_NAMES = {"name": "name", "desc": "notes", "status": "status"}
_OLD_GROUP = record(**GROUP["properties"], users=many(record(user_id=TEXT, username=TEXT)))


def _list(connection: sa.Connection, asked: Asked) -> Part:
    if asked.parameters.is_given("group_id_list"):
        return asked.part(domain.some_groups(connection, asked.parameters.texts("group_id_list")), group_brief)
    window = asked.window()
    return listed(domain.list_groups(connection, window), window, group_brief)


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    given = asked.parameters
    status = given.text("status") or "active"
    group = domain.add_group(connection, given.required("name"), status, given.text("desc", _LONGEST_NOTES))
    asked.note(connection, "group add", group.name, _told(group))
    return group_brief(group)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return group_brief(_group(connection, asked))


def _get_with_users(connection: sa.Connection, asked: Asked) -> JsonValue:
    group = _group(connection, asked)
    members = domain.list_members(connection, group, Window(_MOST_USERS))
    return {
        **group_brief(group),
        "users": [{"user_id": user.id, "username": user.username} for user in members.rows],
    }


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    before = _group(connection, asked)
    given = asked.parameters
    changes = {ours: given.text(name, _LONGEST_NOTES) for name, ours in _NAMES.items() if given.is_given(name)}
    domain.change_group(connection, before, changes)
    after = _group(connection, asked)
    asked.note(connection, "group set", after.name, _told(after), _told(before))
    return group_brief(after)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        group = _group(connection, asked)
    except NotFound:
        return ""
    domain.delete_group(connection, group)
    asked.note(connection, "group delete", group.name, _told(group))
    return ""


def _members(connection: sa.Connection, asked: Asked) -> Part:
    window = asked.window(_MOST_USERS)
    members = domain.list_members(connection, _group(connection, asked), window)
    return Part(show_users(connection, members.rows, asked.rooms.lines), window, members.total)


def _group(connection: sa.Connection, asked: Asked) -> Group:
    """Raises NotFound."""
    return domain.group_by_id(connection, asked.ids["group_id"])


def _told(group: Group) -> dict[str, JsonValue]:
    return {"name": group.name, "status": group.status, "notes": group.notes}


_FACTORS = "push_enabled:boolean sms_enabled:boolean voice_enabled:boolean mobile_otp_enabled:boolean"
_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("GET", "/v1/groups", _list, "Groups, or those of a list", "group_id_list:list", many(GROUP), is_list=True),
    _op("POST", "/v1/groups", _add, "Add a group", f"name! desc status {_FACTORS}", GROUP),
    _op("GET", "/v1/groups/{group_id}", _get_with_users, "A group with its first members", gives=_OLD_GROUP),
    _op("GET", "/v2/groups/{group_id}", _get, "A group", gives=GROUP),
    _op("GET", "/v2/groups/{group_id}/users", _members, "The members of a group", gives=many(USER), is_list=True),
    _op("POST", "/v1/groups/{group_id}", _change, "Change a group", f"name desc status {_FACTORS}", GROUP),
    _op("DELETE", "/v1/groups/{group_id}", _delete, "Delete a group; its members stay"),
)  # fmt: skip
