"""Administrators, as Owners manage them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import admin_account, admin_links, administrators, recovery_codes
from authproxy.secondfactor.admin_activation import owner_of
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.lost_update import seal
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.roles import Permission, Role
from authproxy.secondfactor.security_keys import SecurityKey, keys_of
from authproxy.secondfactor.sessions import Session
from authproxy.web.admin.lists import pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

HOME: Final = "/admin/administrators"
ONE: Final = f"{HOME}/{{admin}}"
_ROLES: Final = [(str(role), str(role)) for role in Role]
_EDITED: Final = ("name", "email", "phone", "role")


@dataclass(frozen=True, slots=True)
class Card:
    """All there is to know of one administrator. ``link``: kind and end of one that was not used yet."""

    admin: Administrator
    keys: list[SecurityKey]
    codes: int
    link: tuple[str, float] | None
    sessions: list[Session]


# ---------------------------------------------------------------- looking


async def show_all(visit: Visit) -> Response:
    text, window = visit.query.get("text", "").strip(), window_of(visit)
    found = await visit.read(lambda c: administrators.list_administrators(c, text, window))
    return visit.render(
        "admin/administrators/list.html",
        admins=found.rows,
        pages=pager(visit, found, window),
        text=text,
        is_lonely=await is_lonely(visit),
        now=visit.rooms.now(),
    )


async def is_lonely(visit: Visit) -> bool:
    """Whether whoever could add another Owner is to be told that there should be one."""
    if not visit.may(Permission.ADMINISTRATORS):
        return False
    return await visit.read(administrators.count_owners) < administrators.FEWEST_OWNERS


async def show(visit: Visit) -> Response:
    card = await visit.read(lambda c: _card(c, visit))
    return visit.render(
        "admin/administrators/show.html",
        card=card,
        sealed=seal(_told(card.admin)),
        roles=_ROLES,
        now=visit.rooms.now(),
        can_mail=visit.rooms.mail is not None,
    )


def _card(connection: sa.Connection, visit: Visit) -> Card:
    admin, now = _find(connection, visit), visit.rooms.now()
    return Card(
        admin,
        keys_of(connection, owner_of(admin)),
        recovery_codes.count_left(connection, admin),
        admin_links.open_link(connection, admin, now),
        admin_account.own_sessions(connection, admin, now),
    )


def _find(connection: sa.Connection, visit: Visit) -> Administrator:
    return administrators.find_administrator(connection, visit.path["admin"])


# ---------------------------------------------------------------- adding, and links


async def ask_new(visit: Visit) -> Response:
    return _add_page(visit, 200, "")


async def add(visit: Visit) -> Response:
    form, now = visit.form, visit.rooms.now()

    def work(connection: sa.Connection) -> tuple[Administrator, admin_links.NewLink]:
        admin = administrators.add_administrator(
            connection, form.get("email"), form.get("name"), form.get("role"), form.get("phone")
        )
        visit.note(connection, "admin add", admin.email, admin.told())
        return admin, _link(connection, visit, admin, "activation", now)

    try:
        admin, link = await visit.change(work)
    except NotDone as error:
        return _add_page(visit, 400, str(error))
    return _link_page(visit, admin, link)


def _add_page(visit: Visit, status: int, problem: str) -> Response:
    return visit.render(
        "admin/administrators/add.html",
        status,
        roles=_ROLES,
        form=visit.form,
        problem=problem,
        can_mail=visit.rooms.mail is not None,
    )


async def make_link(visit: Visit) -> Response:
    """For a new password, or for everything."""
    wanted, now = visit.form.get("kind"), visit.rooms.now()

    def work(connection: sa.Connection) -> tuple[Administrator, admin_links.NewLink]:
        admin = _find(connection, visit)
        kind: admin_links.Kind = "reset" if wanted == "reset" else "activation"
        return admin, _link(connection, visit, admin, kind, now)

    return _link_page(visit, *await visit.change(work))


def _link(
    connection: sa.Connection, visit: Visit, admin: Administrator, kind: admin_links.Kind, now: float
) -> admin_links.NewLink:
    """Mailed, if the form says so."""
    link = admin_links.new_link(connection, admin, kind, now)
    is_mailed = _mail(connection, visit, admin, link)
    told: dict[str, JsonValue] = {"kind": kind, "mailed": is_mailed}
    visit.note(connection, "admin link", admin.email, told)
    return link


def _mail(connection: sa.Connection, visit: Visit, admin: Administrator, link: admin_links.NewLink) -> bool:
    mail = visit.rooms.mail
    if mail is None or not visit.form.has("mail"):
        return False
    values = {
        "username": admin.email,
        "name": admin.name,
        "role": admin.role,
        "expires": link.expires,
        "is_reset": link.kind == "reset",
    }
    secret = {"link": link.url(visit.rooms.base_url)}
    mail.post(
        connection,
        mail.draft("administrator", admin.email, values, secret, admin_id=admin.id, language=admin.language),
    )
    return True


def _link_page(visit: Visit, admin: Administrator, link: admin_links.NewLink) -> Response:
    return visit.render(
        "admin/administrators/link.html",
        admin=admin,
        link=link,
        url=link.url(visit.rooms.base_url),
        is_mailed=visit.rooms.mail is not None and visit.form.has("mail"),
    )


# ---------------------------------------------------------------- changing


def _told(admin: Administrator) -> dict[str, JsonValue]:
    return {name: getattr(admin, name) for name in _EDITED}


async def edit(visit: Visit) -> Response:
    form = visit.form

    def work(connection: sa.Connection) -> Administrator:
        before = _find(connection, visit)
        visit.check_unchanged(_told(before))
        changes = {key: form.get(key) for key in _EDITED if key in form.fields}
        after = administrators.change_administrator(connection, before, changes)
        visit.note(connection, "admin set", after.email, after.told(), before.told())
        return after

    after = await visit.change(work)
    return _back(visit, visit.gettext("Saved"), after.id)


async def disable(visit: Visit) -> Response:
    await _set_status(visit, "disabled", "admin disable")
    return _back(visit, visit.gettext("The administrator is disabled and logged out."))


async def enable(visit: Visit) -> Response:
    await _set_status(visit, "active", "admin enable")
    return _back(visit, visit.gettext("The administrator may log in."))


async def _set_status(visit: Visit, status: str, action: str) -> None:
    def work(connection: sa.Connection) -> None:
        before = _find(connection, visit)
        after = administrators.change_administrator(connection, before, {"status": status})
        visit.note(connection, action, after.email, after.told(), before.told())

    await visit.change(work)


async def unlock(visit: Visit) -> Response:
    def work(connection: sa.Connection, admin: Administrator) -> None:
        administrators.unlock_administrator(connection, admin)
        visit.note(connection, "admin unlock", admin.email)

    await _do(visit, work)
    return _back(visit, visit.gettext("The administrator may try again."))


async def ask_delete(visit: Visit) -> Response:
    admin = await visit.read(lambda c: _find(c, visit))
    return visit.render("admin/administrators/delete.html", admin=admin)


async def delete(visit: Visit) -> Response:
    def work(connection: sa.Connection, admin: Administrator) -> None:
        administrators.delete_administrator(connection, admin)
        visit.note(connection, "admin delete", admin.email, before=admin.told())

    await _do(visit, work)
    return visit.go(HOME, visit.gettext("The administrator is deleted."))


async def end_session(visit: Visit) -> Response:
    session, actor, address = visit.path["session"], visit.actor, visit.address
    await _do(visit, lambda c, admin: admin_account.end_session(c, admin, session, actor, address))
    return _back(visit, visit.gettext("The session has ended."))


async def end_sessions(visit: Visit) -> Response:
    def work(connection: sa.Connection, admin: Administrator) -> None:
        admin_account.end_sessions(connection, admin, visit.actor, visit.address, visit.session)

    await _do(visit, work)
    return _back(visit, visit.gettext("The sessions have ended."))


async def _do(visit: Visit, work: Callable[[sa.Connection, Administrator], object]) -> None:
    await visit.change(lambda connection: work(connection, _find(connection, visit)))


def _back(visit: Visit, message: str, admin_id: str = "") -> Response:
    return visit.go(f"{HOME}/{admin_id or visit.path['admin']}", message)


_NEEDS = Permission.ADMINISTRATORS
PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, _NEEDS, show_all),
    Page("GET", f"{HOME}/add", _NEEDS, ask_new, is_dangerous=True),
    Page("POST", f"{HOME}/add", _NEEDS, add, is_dangerous=True),
    Page("GET", ONE, _NEEDS, show),
    Page("POST", ONE, _NEEDS, edit, is_dangerous=True),
    Page("POST", f"{ONE}/link", _NEEDS, make_link, is_dangerous=True),
    Page("POST", f"{ONE}/disable", _NEEDS, disable, is_dangerous=True),
    Page("POST", f"{ONE}/enable", _NEEDS, enable, is_dangerous=True),
    Page("POST", f"{ONE}/unlock", _NEEDS, unlock),
    Page("GET", f"{ONE}/delete", _NEEDS, ask_delete, is_dangerous=True),
    Page("POST", f"{ONE}/delete", _NEEDS, delete, is_dangerous=True),
    Page("POST", f"{ONE}/sessions/end", _NEEDS, end_sessions),
    Page("POST", f"{ONE}/sessions/{{session}}/end", _NEEDS, end_session),
)
