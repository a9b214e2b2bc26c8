"""One user: the page that a help desk works on, and what is done from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.bypass import DEFAULT_SECONDS, DEFAULT_USES, create_codes
from authproxy.secondfactor.bypass_search import GivenCode, search_codes
from authproxy.secondfactor.code_diagnosis import Finding, Windows, diagnose
from authproxy.secondfactor.invitations import Invitation, find_invitation, invite
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.messages import Message, MessageFilter, search_messages
from authproxy.secondfactor.own_devices import OwnDevices, own_devices
from authproxy.secondfactor.phone_history import PushStory, push_stories
from authproxy.secondfactor.refusals import BadValue, NotDone
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.tokens import assign_token, find_token
from authproxy.secondfactor.user_card import UserCard, card_of
from authproxy.secondfactor.user_logins import BriefLogin, last_logins
from authproxy.secondfactor.users import User, unlock_user, user_by_id
from authproxy.web.admin.desk_rules import may_give_code, may_invite
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_PUSHES: Final = 5
_MOST_CODES: Final = Window(20)
_MESSAGES: Final = Window(5)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page shows. ``stories``: of each phone's last pushes, by phone."""

    user: User
    card: UserCard
    own: OwnDevices
    stories: dict[str, list[PushStory]]
    codes: tuple[GivenCode, ...]
    logins: list[BriefLogin]
    invitation: Invitation | None
    messages: tuple[Message, ...]


def _see(connection: sa.Connection, user_id: str) -> Seen:
    user = user_by_id(connection, user_id)
    card, own = card_of(connection, user), own_devices(connection, user_id)
    stories = {phone.id: push_stories(connection, phone.id, _PUSHES) for phone in own.phones}
    codes = search_codes(connection, _MOST_CODES, user_id=user_id).rows
    logins = last_logins(connection, (user.username, *card.aliases))
    sent = search_messages(connection, MessageFilter(user_id=user_id), _MESSAGES).rows
    return Seen(user, card, own, stories, codes, logins, find_invitation(connection, user_id), sent)


async def show(visit: Visit) -> Response:
    return await _shown(visit)


async def _shown(visit: Visit, findings: list[Finding] | None = None) -> Response:
    user_id = visit.path["user"]

    def look(connection: sa.Connection) -> Response:
        seen = _see(connection, user_id)
        return visit.render(
            "admin/users/user.html",
            seen=seen,
            now=visit.rooms.now(),
            findings=findings,
            may_invite=visit.rooms.mail is not None and may_invite(visit, connection),
        )

    return await visit.read(look)


async def unlock(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        user = user_by_id(connection, visit.path["user"])
        unlock_user(connection, user)
        before = {"failures": user.failures, "locked_until": user.locked_until}
        visit.note(connection, "user unlock", user.username, {"failures": 0, "locked_until": None}, before)

    await visit.change(change)
    return visit.go(f"/admin/users/{visit.path['user']}", visit.gettext("The user may try again"))


async def invite_user(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        user = user_by_id(connection, visit.path["user"])
        if visit.rooms.mail is None:
            raise NotDone(visit.gettext("there is no mail server to send it by"))
        if not may_invite(visit, connection):
            raise NotDone(visit.gettext("your role may not send enrollment mails"))
        invite(connection, visit.rooms.mail, user, visit.actor, visit.address)

    await visit.change(change)
    return visit.go(f"/admin/users/{visit.path['user']}", visit.gettext("The mail is on its way"))


# ---------------------------------------------------------------- what the user logs in with


async def assign(visit: Visit) -> Response:
    """A hardware token, by serial."""

    def change(connection: sa.Connection) -> None:
        user, token = user_by_id(connection, visit.path["user"]), find_token(connection, visit.form.get("serial"))
        assign_token(connection, token, user)
        visit.note(connection, "token assign", user.username, {"serial": token.serial, "type": token.type})

    await visit.change(change)
    return visit.go(f"/admin/users/{visit.path['user']}", visit.gettext("Assigned"))


# ---------------------------------------------------------------- help for who can't log in


async def show_bypass(visit: Visit) -> Response:
    return await visit.read(
        lambda connection: visit.render(
            "admin/codes/add.html",
            user=user_by_id(connection, visit.path["user"]),
            uses=DEFAULT_USES,
            minutes=DEFAULT_SECONDS // 60,
        )
    )


async def give_bypass(visit: Visit) -> Response:
    """The codes are on the page that answers, and nowhere else."""
    uses, seconds = number(visit, "uses"), number(visit, "minutes") * 60
    count = number(visit, "count") if visit.form.get("count") else 1

    def change(connection: sa.Connection) -> tuple[User, list[str], float | None]:
        user = user_by_id(connection, visit.path["user"])
        may_give_code(visit, connection, seconds)
        codes, expires = create_codes(connection, user, visit.rooms.seeds, count, uses, seconds, visit.actor)
        told = {"codes": len(codes), "uses": uses, "seconds": seconds}
        visit.note(connection, "bypass create", user.username, told)
        return user, codes, expires

    user, codes, expires = await visit.change(change)
    return visit.render("admin/codes/shown.html", user=user, codes=codes, expires=expires, uses=uses)


def number(visit: Visit, name: str) -> int:
    """What was typed there. Raises BadValue."""
    text = visit.form.get(name)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadValue(visit.gettext("%(name)s: a number is wanted") % {"name": name})
    return int(text)


async def diagnose_code(visit: Visit) -> Response:
    """Nothing is used up, so that it can be typed at the login afterwards. Who asked is on record: a code that is
    right now would let its finder in."""
    code, now, settings = visit.form.get("code"), visit.rooms.now(), visit.rooms.settings
    windows = Windows(settings.totp_window, settings.hotp_window)

    def work(connection: sa.Connection) -> list[Finding]:
        user = user_by_id(connection, visit.path["user"])
        found = diagnose(connection, user, code, visit.rooms.seeds, now, windows)
        visit.note(
            connection, "code diagnose", user.username, {"findings": [type(each).__name__ for each in found]}
        )
        return found

    return await _shown(visit, await visit.change(work))


PAGES: Final = (
    Page("GET", "/admin/users/{user}", Permission.VIEW, show),
    Page("POST", "/admin/users/{user}/unlock", Permission.MODIFY_USERS, unlock),
    Page("POST", "/admin/users/{user}/invite", Permission.MODIFY_DEVICES, invite_user),
    Page("POST", "/admin/users/{user}/tokens", Permission.MODIFY_DEVICES, assign),
    Page("GET", "/admin/users/{user}/bypass", Permission.MODIFY_DEVICES, show_bypass),
    Page("POST", "/admin/users/{user}/bypass", Permission.MODIFY_DEVICES, give_bypass),
    Page("POST", "/admin/users/{user}/code", Permission.MODIFY_DEVICES, diagnose_code),
)
