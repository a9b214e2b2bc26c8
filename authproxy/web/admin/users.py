"""Users: the list, a new one, many from a file, and what is done with several at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor import bulk_enrollment
from authproxy.secondfactor.groups import Group, add_member, find_group, list_groups, remove_member
from authproxy.secondfactor.invitations import in_parts, invite_some
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.refusals import BadValue, NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.rows import BadRow, read_csv
from authproxy.secondfactor.user_card import card_of
from authproxy.secondfactor.user_search import LOCKED_OUT, UserFilter, search_users
from authproxy.secondfactor.users import (
    PENDING_DELETION,
    STATUSES,
    User,
    add_user,
    change_user,
    delete_user,
    user_by_id,
)
from authproxy.web.admin import trash
from authproxy.web.admin.desk_rules import may_exempt, may_join
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_COLUMNS: Final = (
    "username", "name", "email", "status", "locked_out", "enrolled", "groups", "created", "last_login", "notes",
)  # fmt: skip
_SEARCHED: Final = (*STATUSES, LOCKED_OUT, PENDING_DELETION)
_GROUPS_SHOWN: Final = Window(200)
_MOST_TICKED: Final = 500
_ENROLLED: Final = {"yes": True, "no": False}


async def show_list(visit: Visit) -> Response:
    window, wanted = window_of(visit), _wanted(visit)

    def look(connection: sa.Connection) -> Response:
        found = search_users(connection, wanted, window)
        groups = list_groups(connection, _GROUPS_SHOWN).rows
        return visit.render(
            "admin/users/list.html",
            users=found.rows,
            pager=pager(visit, found, window),
            groups=groups,
            statuses=_SEARCHED,
            now=visit.rooms.now(),
            can_invite=visit.rooms.mail is not None,
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


def _wanted(visit: Visit) -> UserFilter:
    query = visit.query
    status = query.get("status", "")
    return UserFilter(
        text=query.get("text", "")[:200],
        status=status if status in _SEARCHED else "",
        group_id=query.get("group", ""),
        is_enrolled=_ENROLLED.get(query.get("enrolled", "")),
    )


async def export(visit: Visit) -> Response:
    wanted, now = _wanted(visit), visit.rooms.now()

    def row(user: User) -> Row:
        return {
            "username": user.username,
            "name": user.realname or user.display_name,
            "email": user.email,
            "status": user.shown_status,
            "locked_out": user.is_locked_out(now),
            "enrolled": user.is_enrolled,
            "groups": list(user.groups),
            "created": user.created,
            "last_login": user.last_login,
            "notes": user.notes,
        }

    reads = of_list(lambda connection, window: search_users(connection, wanted, window), row)
    return await exported(visit, "users", _COLUMNS, reads)


# ---------------------------------------------------------------- a new one


async def show_add(visit: Visit) -> Response:
    return visit.render("admin/users/add.html", statuses=STATUSES)


async def add(visit: Visit) -> Response:
    form, mode = visit.form, visit.rooms.settings.username_normalization

    def change(connection: sa.Connection) -> User:
        status = form.get("status", "active")
        may_exempt(visit, connection, status)
        user = add_user(connection, form.get("name"), mode, form.get("email"), status, form.get("notes"))
        if form.get("realname"):
            change_user(connection, user, {"realname": form.get("realname")})
        user = user_by_id(connection, user.id)
        visit.note(connection, "user add", user.username, card_of(connection, user).told())
        return user

    user = await visit.change(change)
    return visit.go(f"/admin/users/{user.id}", visit.gettext("Added"))


# ---------------------------------------------------------------- from a file


async def show_import(visit: Visit) -> Response:
    return _import_page(visit, ())


def _import_page(visit: Visit, bad: Sequence[BadRow]) -> Response:
    return visit.render(
        "admin/users/import.html",
        400 if bad else 200,
        bad=bad,
        columns=str(bulk_enrollment.COLUMNS),
        can_invite=visit.rooms.mail is not None,
    )


async def import_(visit: Visit) -> Response:
    """All rows or none: bad ones are told by line. Who is invited is so in further transactions."""
    mode, mail = visit.rooms.settings.username_normalization, visit.rooms.mail
    invites = mail is not None and visit.form.has("invite")

    def change(connection: sa.Connection) -> tuple[list[str], Sequence[BadRow]]:
        rows, unreadable = read_csv(decoded(visit.files.get("file", b"")), bulk_enrollment.COLUMNS)
        new, wrong = bulk_enrollment.read_people(rows, must_have_mail=invites)
        bad = [*unreadable, *wrong, *bulk_enrollment.obstacles(connection, new, mode)]
        if any(row.status == "bypass" for row in new):
            may_exempt(visit, connection, "bypass")
        may_join(visit, connection, {name for row in new for name in row.groups})
        ids: list[str] = []
        if not bad:
            ids = bulk_enrollment.import_people(connection, new, mode)
            visit.note(connection, "user import", "", {"users": len(new)})
        return ids, sorted(bad, key=lambda row: row.line)

    ids, bad = await visit.change(change)
    if bad:
        return _import_page(visit, bad)
    if invites and mail is not None:
        for part in in_parts(ids):
            await visit.change(
                partial(invite_some, mail=mail, user_ids=part, actor=visit.actor, address=visit.address)
            )
    return visit.go("/admin/users", visit.gettext("Imported users: %(count)d") % {"count": len(ids)})


def decoded(content: bytes) -> str:
    """A file of text. Raises BadValue."""
    if not content:
        raise BadValue("no file was sent, or it is empty")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"the file is no UTF-8 text: byte {error.start + 1} is none") from None


# ---------------------------------------------------------------- several at once


async def bulk(visit: Visit) -> Response:
    ticked = visit.form.all("user")[:_MOST_TICKED]
    action = visit.form.get("action")
    if not ticked:
        raise BadValue(visit.gettext("no user was ticked"))
    if action == "delete" and not visit.form.has("confirmed"):
        return await _ask_before_deleting(visit, ticked)
    if action == "invite":
        return await _invite(visit, ticked)

    def change(connection: sa.Connection) -> int:
        group = _group(visit, connection, action)
        if action == "status":
            may_exempt(visit, connection, visit.form.get("status"))
        if action == "join" and group is not None:
            may_join(visit, connection, [group.name])
        return sum(_one(visit, connection, user_by_id(connection, user_id), action, group) for user_id in ticked)

    count = await visit.change(change)
    return visit.go("/admin/users", visit.gettext("Users changed: %(count)d") % {"count": count})


async def _invite(visit: Visit, ticked: Sequence[str]) -> Response:
    mail = visit.rooms.mail
    if mail is None:
        raise NotDone(visit.gettext("there is no mail server to send it by"))
    done = await visit.change(lambda connection: invite_some(connection, mail, ticked, visit.actor, visit.address))
    told = visit.gettext("Mails on their way: %(count)d") % {"count": done.sent}
    return visit.go("/admin/users", "; ".join([told, *(f"{name}: {why}" for name, why in done.refused)]))


async def _ask_before_deleting(visit: Visit, ticked: Sequence[str]) -> Response:
    found = await visit.read(lambda connection: [user_by_id(connection, user_id) for user_id in ticked])
    return visit.render("admin/users/delete.html", users=found)


def _group(visit: Visit, connection: sa.Connection, action: str) -> Group | None:
    if action not in ("join", "leave"):
        return None
    try:
        return find_group(connection, visit.form.get("group"))
    except NotFound:
        raise BadValue(visit.gettext("choose a group")) from None


def _one(visit: Visit, connection: sa.Connection, user: User, action: str, group: Group | None) -> bool:
    """Whether anything changed. All in one transaction."""
    match action:
        case "status":
            status = visit.form.get("status")
            change_user(connection, user, {"status": status})
            if status == user.status:
                return False
            visit.note(connection, "user set", user.username, {"status": status}, {"status": user.status})
        case "join" | "leave":
            assert group is not None
            changes = add_member if action == "join" else remove_member
            if not changes(connection, group, user):
                return False
            after = user_by_id(connection, user.id)
            visit.note(
                connection, "user set", user.username, {"groups": [*after.groups]}, {"groups": [*user.groups]}
            )
        case "trash":
            return trash.send_to_trash(visit, connection, user)
        case "restore":
            return trash.restore(visit, connection, user)
        case "delete":
            told = card_of(connection, user).told()
            delete_user(connection, user)
            visit.note(connection, "user delete", user.username, before=told)
        case _:
            raise BadValue(visit.gettext("choose what to do with the ticked users"))
    return True


PAGES: Final = (
    Page("GET", "/admin/users", Permission.VIEW, show_list),
    Page("GET", "/admin/users/export.{form}", Permission.VIEW, export),
    Page("GET", "/admin/users/add", Permission.MODIFY_USERS, show_add),
    Page("POST", "/admin/users/add", Permission.MODIFY_USERS, add),
    Page("GET", "/admin/users/import", Permission.MODIFY_USERS, show_import),
    Page("POST", "/admin/users/import", Permission.MODIFY_USERS, import_),
    Page("POST", "/admin/users/bulk", Permission.MODIFY_USERS, bulk),
)
