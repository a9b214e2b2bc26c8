"""Invitations to set up a first device: who has one, and sending them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor import invitations
from authproxy.secondfactor.invitations import STATES
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import User, find_user, user_by_id
from authproxy.web.admin.desk_rules import may_invite
from authproxy.web.admin.lists import pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

HOME: Final = "/admin/invitations"


async def show(visit: Visit) -> Response:
    query, now, window = visit.query, visit.rooms.now(), window_of(visit)
    state, text = query.get("state", ""), query.get("text", "")

    def look(connection: sa.Connection) -> Response:
        found = invitations.list_invitations(connection, now, state, text, window)
        return visit.render(
            "admin/invitations/list.html",
            invitations=found.rows,
            now=now,
            states=STATES,
            state=state,
            text=text,
            pager=pager(visit, found, window),
            has_mail=visit.rooms.mail is not None,
            may_invite=visit.rooms.mail is not None and may_invite(visit, connection),
            may_invite_all=visit.rooms.mail is not None and visit.may(Permission.MODIFY_USERS),
        )

    return await visit.read(look)


async def invite(visit: Visit) -> Response:
    """By name or alias."""
    mail, mode = _mail(visit), visit.rooms.settings.username_normalization
    await _one(
        visit, lambda connection: find_user(connection, visit.form.get("name"), mode), invitations.invite, mail
    )
    return visit.go(HOME, visit.gettext("The mail is on its way"))


async def resend(visit: Visit) -> Response:
    mail = _mail(visit)
    await _one(visit, lambda connection: user_by_id(connection, visit.path["user"]), invitations.resend, mail)
    return visit.go(HOME, visit.gettext("The mail is on its way"))


async def anew(visit: Visit) -> Response:
    """When the link has expired."""
    mail = _mail(visit)
    await _one(visit, lambda connection: user_by_id(connection, visit.path["user"]), invitations.invite, mail)
    return visit.go(HOME, visit.gettext("The mail is on its way"))


async def withdraw(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        _check(visit, connection)
        user = user_by_id(connection, visit.path["user"])
        invitations.withdraw(connection, user, visit.actor, visit.address)

    await visit.change(change)
    return visit.go(HOME, visit.gettext("The link leads nowhere now"))


async def invite_all(visit: Visit) -> Response:
    return await _many(visit, invitations.uninvited)


async def resend_all(visit: Visit) -> Response:
    return await _many(visit, invitations.incomplete)


async def _many(visit: Visit, whom: Callable[[sa.Connection, float], list[str]]) -> Response:
    """In parts: each is a transaction of its own."""
    mail, now = _mail(visit), visit.rooms.now()
    sent, refused = 0, 0
    for some in invitations.in_parts(await visit.read(lambda connection: whom(connection, now))):
        part = some
        done = await visit.change(
            lambda connection, part=part: invitations.invite_some(  # type: ignore[misc]
                connection, mail, part, visit.actor, visit.address
            )
        )
        sent, refused = sent + done.sent, refused + len(done.refused)
    told = visit.gettext("%(sent)d mails are on their way; %(refused)d users could not be invited")
    return visit.go(HOME, told % {"sent": sent, "refused": refused})


async def _one(
    visit: Visit,
    whom: Callable[[sa.Connection], User],
    act: Callable[[sa.Connection, Mailroom, User, str, str], object],
    mail: Mailroom,
) -> None:
    def change(connection: sa.Connection) -> None:
        _check(visit, connection)
        act(connection, mail, whom(connection), visit.actor, visit.address)

    await visit.change(change)


def _check(visit: Visit, connection: sa.Connection) -> None:
    if not may_invite(visit, connection):
        raise NotDone(visit.gettext("your role may not send enrollment mails"))


def _mail(visit: Visit) -> Mailroom:
    if visit.rooms.mail is None:
        raise NotDone(visit.gettext("no mail server is configured"))
    return visit.rooms.mail


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, Permission.VIEW, show),
    Page("POST", f"{HOME}/invite", Permission.MODIFY_DEVICES, invite),
    Page("POST", f"{HOME}/invite-all", Permission.MODIFY_USERS, invite_all),
    Page("POST", f"{HOME}/resend-all", Permission.MODIFY_USERS, resend_all),
    Page("POST", f"{HOME}/{{user}}/resend", Permission.MODIFY_DEVICES, resend),
    Page("POST", f"{HOME}/{{user}}/anew", Permission.MODIFY_DEVICES, anew),
    Page("POST", f"{HOME}/{{user}}/withdraw", Permission.MODIFY_DEVICES, withdraw),
)
