"""A device that is lost, stolen or not needed any more: taken from its user once it is clear what the user logs in
with instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import phones, tokens
from authproxy.secondfactor.devices import DeviceRow, delete_device
from authproxy.secondfactor.own_devices import own_devices
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.security_keys import delete_key, own_key, user_owner
from authproxy.secondfactor.token_search import token_by_id
from authproxy.secondfactor.users import User, user_by_id
from authproxy.web.admin.page import Page
from authproxy.web.admin.phones import of_user, told_of
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.catalogue import _


@dataclass(frozen=True, slots=True)
class Leaving:
    """``kind``: phone, token, app or key. ``names``: whose it is. ``is_way_in``: its user could log in with it.
    ``take``: does it, and puts it on record."""

    user: User
    kind: str
    label: str
    names: tuple[str, ...]
    is_way_in: bool
    take: Callable[[], None]


Find = Callable[[Visit, sa.Connection], Leaving]


def _phone(visit: Visit, connection: sa.Connection) -> Leaving:
    phone, user = of_user(visit, connection, visit.form.get("user") or visit.query.get("user", ""))

    def take() -> None:
        if len(phone.usernames) > 1 and visit.form.has("only"):
            phones.unassign(connection, phone.id, user)
        else:
            phones.delete_phone(connection, phone)
        told = {**told_of(phone), "users": list[JsonValue](phone.usernames)}
        visit.note(connection, "phone delete", phone.id, before=told)

    is_way_in = phone.takes_pushes or bool(phone.number)
    return Leaving(user, "phone", _called(visit, phone), phone.usernames, is_way_in, take)


def _called(visit: Visit, phone: PhoneRow) -> str:
    return phone.name or phone.number or visit.gettext("Tablet")


def _generator(visit: Visit, connection: sa.Connection) -> Leaving:
    """An authenticator app, or a hardware token: that one goes back into stock."""
    user = user_by_id(connection, visit.path["user"])
    mine = own_devices(connection, user.id).generators
    device = next((each for each in mine if each.id == visit.path["device"]), None)
    if device is None:
        raise NotFound(f"{user.username} has no such device")
    if device.origin == "hardware":
        return _token(visit, connection, user, device)

    def take() -> None:
        delete_device(connection, device)
        visit.note(connection, "device delete", user.username, before={"device": device.id, "name": device.name})

    return Leaving(user, "app", device.label, (user.username,), True, take)


def _token(visit: Visit, connection: sa.Connection, user: User, device: DeviceRow) -> Leaving:
    token = token_by_id(connection, device.id)

    def take() -> None:
        tokens.unassign_token(connection, token, user)
        told = {"serial": token.serial, "type": token.type}
        visit.note(connection, "token unassign", user.username, before=told)

    return Leaving(user, "token", device.label, token.users, True, take)


def _key(visit: Visit, connection: sa.Connection) -> Leaving:
    user = user_by_id(connection, visit.path["user"])
    owner = user_owner(user.id, user.username, user.display_name)
    key = own_key(connection, owner, visit.path["key"])

    def take() -> None:
        delete_key(connection, owner, key, visit.actor, visit.address)

    return Leaving(user, "key", key.label, (user.username,), True, take)


# ---------------------------------------------------------------- asking, and doing

_NEXT: Final = {
    "bypass": "/admin/users/{user}/bypass",
    "phone": "/admin/phones/add?user={user}",
    "nothing": "/admin/users/{user}",
}
_DONE: Final = {
    "phone": _("The phone is deleted. Logins that waited for it have ended"),
    "app": _("Deleted"),
    "token": _("Taken away"),
    "key": _("Deleted"),
}


def _is_last(connection: sa.Connection, leaving: Leaving) -> bool:
    """Whether its user is left with nothing to log in with."""
    return own_devices(connection, leaving.user.id).ways_in <= int(leaving.is_way_in)


def _pages(path: str, find: Find) -> tuple[Page, Page]:
    async def ask(visit: Visit) -> Response:
        def look(connection: sa.Connection) -> Response:
            leaving = find(visit, connection)
            is_last = _is_last(connection, leaving)
            return visit.render("admin/lost.html", leaving=leaving, user=leaving.user, is_last=is_last)

        return await visit.read(look)

    async def take(visit: Visit) -> Response:
        """``then``: what the user logs in with from now on: bypass, phone, or nothing. Taking comes first, so that
        nothing which waits for the device is let in meanwhile."""
        then = visit.form.get("then")

        def change(connection: sa.Connection) -> Leaving:
            leaving = find(visit, connection)
            if then not in _NEXT and _is_last(connection, leaving):
                raise NotDone(visit.gettext("it is the user's last device: choose what to log in with instead"))
            leaving.take()
            return leaving

        leaving = await visit.change(change)
        following = _NEXT.get(then, "/admin/users/{user}").format(user=leaving.user.id)
        return visit.go(following, visit.gettext(_DONE[leaving.kind]))

    needs = Permission.MODIFY_DEVICES
    return Page("GET", path, needs, ask), Page("POST", path, needs, take)


PAGES: Final = (
    *_pages("/admin/phones/{phone}/lost", _phone),
    *_pages("/admin/users/{user}/devices/{device}/lost", _generator),
    *_pages("/admin/users/{user}/keys/{key}/lost", _key),
)
