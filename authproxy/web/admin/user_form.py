"""One user as a form that is edited, and how a user is deleted."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.groups import list_groups
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.user_card import ChangedCard, UserCard, card_of, save_card
from authproxy.secondfactor.users import STATUSES, User, delete_user, user_by_id
from authproxy.web.admin.desk_rules import may_exempt, may_join
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_GROUPS_SHOWN: Final = Window(200)
_CONFLICT: Final = 409


async def show_edit(visit: Visit) -> Response:
    def look(connection: sa.Connection) -> Response:
        card = card_of(connection, user_by_id(connection, visit.path["user"]))
        return _form(visit, connection, card, card)

    return await visit.read(look)


def _form(
    visit: Visit,
    connection: sa.Connection,
    shown: UserCard,
    wanted: UserCard,
    problem: ChangedCard | None = None,
) -> Response:
    return visit.render(
        "admin/users/edit.html",
        200 if problem is None else _CONFLICT,
        user_id=visit.path["user"],
        shown=shown,
        wanted=wanted,
        problem=problem,
        statuses=STATUSES,
        groups=[group.name for group in list_groups(connection, _GROUPS_SHOWN).rows],
    )


async def edit(visit: Visit) -> Response:
    """What two administrators save at once is not mixed: the second sees what the first has made of it."""
    shown, wanted = UserCard.unseal(visit.form.raw("shown")), _typed(visit)
    mode, user_id = visit.rooms.settings.username_normalization, visit.path["user"]
    if shown is None:
        raise BadValue(visit.gettext("the form is damaged; load the page again"))

    def change(connection: sa.Connection) -> User:
        user = user_by_id(connection, user_id)
        if wanted.status != user.status:
            may_exempt(visit, connection, wanted.status)
        may_join(visit, connection, set(wanted.groups) - set(user.groups))
        return save_card(connection, user, shown, wanted, mode, visit.actor, visit.address)

    try:
        await visit.change(change)
    except ChangedCard as changed:
        card, told = changed.card, changed
        return await visit.read(lambda connection: _form(visit, connection, card, wanted, told))
    return visit.go(f"/admin/users/{user_id}", visit.gettext("Saved"))


def _typed(visit: Visit) -> UserCard:
    form = visit.form
    groups = {name for name in form.all("group") if name} | ({form.get("join")} - {""})
    aliases = [name.strip().lower() for name in form.raw("aliases").splitlines() if name.strip()]
    return UserCard(
        form.get("name"),
        form.get("email"),
        form.get("realname"),
        form.get("status", "active"),
        form.get("notes").replace("\r\n", "\n"),
        tuple(dict.fromkeys(aliases)),
        tuple(sorted(groups)),
    )


async def show_delete(visit: Visit) -> Response:
    return await visit.read(
        lambda connection: visit.render(
            "admin/users/delete.html", users=[user_by_id(connection, visit.path["user"])]
        )
    )


async def delete(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> User:
        user = user_by_id(connection, visit.path["user"])
        told = card_of(connection, user).told()
        delete_user(connection, user)
        visit.note(connection, "user delete", user.username, before=told)
        return user

    user = await visit.change(change)
    return visit.go("/admin/users", visit.gettext("Deleted: %(name)s") % {"name": user.username})


PAGES: Final = (
    Page("GET", "/admin/users/{user}/edit", Permission.MODIFY_USERS, show_edit),
    Page("POST", "/admin/users/{user}/edit", Permission.MODIFY_USERS, edit),
    Page("GET", "/admin/users/{user}/delete", Permission.MODIFY_USERS, show_delete),
    Page("POST", "/admin/users/{user}/delete", Permission.MODIFY_USERS, delete),
)
