"""Phones and tablets: the list, one of them, its activation and a test push."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response
from twisted.internet.defer import Deferred

from authproxy.model import JsonValue
from authproxy.secondfactor import phones
from authproxy.secondfactor.activation_messages import activation_text, open_activation, send_activation
from authproxy.secondfactor.activations import NewActivation, activate_phone
from authproxy.secondfactor.gateways import Text, TextEnd
from authproxy.secondfactor.lost_update import seal
from authproxy.secondfactor.phone_api import PhoneRefused
from authproxy.secondfactor.phone_history import push_stories
from authproxy.secondfactor.phone_search import search_phones
from authproxy.secondfactor.phones import TYPES, PhoneRow, find_phone
from authproxy.secondfactor.pipush_enrollment import NewPipush, enroll_pipush
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import User, find_user, user_by_id
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.enroll.pictures import inline

_COLUMNS: Final = (
    "id", "name", "number", "extension", "type", "platform", "users", "activated", "last_contact", "created",
)  # fmt: skip
_FIELDS: Final = ("name", "number", "extension", "type", "platform")


async def show_list(visit: Visit) -> Response:
    window, text = window_of(visit), visit.query.get("text", "")[:100]

    def look(connection: sa.Connection) -> Response:
        found = search_phones(connection, window, text)
        return visit.render(
            "admin/phones/list.html",
            phones=found.rows,
            pager=pager(visit, found, window),
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


async def export(visit: Visit) -> Response:
    text = visit.query.get("text", "")[:100]

    def row(phone: PhoneRow) -> Row:
        told = {name: getattr(phone, name) for name in ("id", *_FIELDS, "last_contact", "created")}
        return {**told, "users": list(phone.usernames), "activated": bool(phone.app)}

    reads = of_list(lambda connection, window: search_phones(connection, window, text), row)
    return await exported(visit, "phones", _COLUMNS, reads)


async def show(visit: Visit) -> Response:
    def look(connection: sa.Connection) -> Response:
        phone = find_phone(connection, visit.path["phone"])
        return visit.render(
            "admin/phones/phone.html",
            phone=phone,
            sealed=seal(told_of(phone)),
            owners=_owners(connection, phone),
            stories=push_stories(connection, phone.id),
            types=TYPES,
            open_until=open_activation(connection, phone.id, visit.rooms.now()),
        )

    return await visit.read(look)


def _owners(connection: sa.Connection, phone: PhoneRow) -> list[User]:
    return [find_user(connection, name, "none") for name in phone.usernames]


async def show_add(visit: Visit) -> Response:
    return await visit.read(
        lambda connection: visit.render(
            "admin/phones/add.html", user=user_by_id(connection, visit.query.get("user", "")), types=TYPES
        )
    )


async def add(visit: Visit) -> Response:
    form = visit.form

    def change(connection: sa.Connection) -> PhoneRow:
        user = user_by_id(connection, form.get("user"))
        phone = phones.add_phone(
            connection,
            user,
            form.get("number"),
            form.get("name"),
            form.get("type", "mobile"),
            form.get("platform"),
            form.get("extension"),
        )
        visit.note(connection, "phone add", user.username, {"phone": phone.id, **told_of(phone)})
        return phone

    phone = await visit.change(change)
    user_id = form.get("user")
    if phone.type == "landline":
        return visit.go(f"/admin/users/{user_id}", visit.gettext("Added"))
    return visit.go(f"/admin/phones/{phone.id}/activate?user={user_id}", visit.gettext("Added"))


def told_of(phone: PhoneRow) -> dict[str, JsonValue]:
    return {name: getattr(phone, name) for name in _FIELDS}


async def edit(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> PhoneRow:
        phone = find_phone(connection, visit.path["phone"])
        visit.check_unchanged(told_of(phone))
        phones.change_phone(connection, phone, {name: visit.form.get(name) for name in _FIELDS})
        after, before = told_of(find_phone(connection, phone.id)), told_of(phone)
        changed = [name for name in _FIELDS if before[name] != after[name]]
        if changed:
            visit.note(
                connection,
                "phone change",
                phone.id,
                {name: after[name] for name in changed},
                {name: before[name] for name in changed},
            )
        return phone

    phone = await visit.change(change)
    return visit.go(f"/admin/phones/{phone.id}", visit.gettext("Saved"))


# ---------------------------------------------------------------- activation


async def show_activate(visit: Visit) -> Response:
    def look(connection: sa.Connection) -> Response:
        phone, user = of_user(visit, connection, visit.query.get("user", ""))
        return visit.render(
            "admin/phones/activate.html",
            phone=phone,
            user=user,
            made=None,
            picture="",
            can_mail=visit.rooms.mail is not None and bool(user.email),
            can_text=visit.rooms.texts is not None and bool(phone.number),
            open_until=open_activation(connection, phone.id, visit.rooms.now()),
        )

    return await visit.read(look)


def of_user(visit: Visit, connection: sa.Connection, user_id: str) -> tuple[PhoneRow, User]:
    """Raises NotFound."""
    phone, user = find_phone(connection, visit.path["phone"]), user_by_id(connection, user_id)
    if user.username not in phone.usernames:
        raise NotFound(f"{user.username} has no such phone")
    return phone, user


async def activate(visit: Visit) -> Response:
    """``way``: show, authenticator, mail or sms. A link that is shown here is on this page alone."""
    way, user_id = visit.form.get("way"), visit.form.get("user")
    match way:
        case "mail":
            await visit.change(lambda connection: _mail(visit, connection, user_id))
        case "sms":
            await _text(visit, user_id)
        case _:
            return await _show_code(visit, user_id, is_authenticator=way == "authenticator")
    return visit.go(f"/admin/users/{user_id}", visit.gettext("The link is on its way"))


def _mail(visit: Visit, connection: sa.Connection, user_id: str) -> None:
    if visit.rooms.mail is None:
        raise NotDone(visit.gettext("there is no mail server to send it by"))
    phone, user = of_user(visit, connection, user_id)
    send_activation(connection, visit.rooms.mail, user, phone, visit.actor, visit.address)


async def _text(visit: Visit, user_id: str) -> None:
    texts, rooms = visit.rooms.texts, visit.rooms
    if texts is None:
        raise NotDone(visit.gettext("there is no gateway to send messages by"))

    def change(connection: sa.Connection) -> Text:
        phone, user = of_user(visit, connection, user_id)
        return activation_text(connection, rooms.base_url, rooms.now(), user, phone, visit.actor, visit.address)

    end = await texts.send(await visit.change(change))
    if end is not TextEnd.ACCEPTED:
        raise NotDone(visit.gettext("the message was not taken by the gateway; the telephony log says why"))


async def _show_code(visit: Visit, user_id: str, *, is_authenticator: bool) -> Response:
    """For the phone's browser, or for the privacyIDEA Authenticator."""

    def change(connection: sa.Connection) -> Response:
        phone, user = of_user(visit, connection, user_id)
        made: NewActivation | NewPipush
        if is_authenticator:
            made = enroll_pipush(connection, user, phone.id, visit.rooms.base_url)
        else:
            made = activate_phone(connection, user.id, phone.id, visit.rooms.base_url)
        visit.note(connection, "phone activate", user.username, {"phone": phone.id, "expires": made.expires})
        title = visit.gettext("QR code that activates this phone")
        return visit.render(
            "admin/phones/activate.html",
            phone=phone,
            user=user,
            made=made,
            is_authenticator=is_authenticator,
            picture=inline(made.url, title),
            can_mail=False,
            can_text=False,
            open_until=None,
        )

    return await visit.change(change)


async def send_test(visit: Visit) -> Response:
    """A push that no login waits for."""
    user_id = visit.form.get("user")
    back = f"/admin/users/{user_id}" if user_id.isalnum() else f"/admin/phones/{visit.path['phone']}"
    phone = await visit.read(lambda connection: find_phone(connection, visit.path["phone"]))
    try:
        await Deferred.fromCoroutine(visit.rooms.phones.send_test(phone.id))
    except PhoneRefused as refused:
        raise NotDone(str(refused)) from None
    await visit.change(lambda connection: visit.note(connection, "push test", phone.id))
    return visit.go(back, visit.gettext("A test push was sent. What becomes of it is shown below"))


PAGES: Final = (
    Page("GET", "/admin/phones", Permission.VIEW, show_list),
    Page("GET", "/admin/phones/export.{form}", Permission.VIEW, export),
    Page("GET", "/admin/phones/add", Permission.MODIFY_DEVICES, show_add),
    Page("POST", "/admin/phones/add", Permission.MODIFY_DEVICES, add),
    Page("GET", "/admin/phones/{phone}", Permission.VIEW, show),
    Page("POST", "/admin/phones/{phone}", Permission.MODIFY_DEVICES, edit),
    Page("GET", "/admin/phones/{phone}/activate", Permission.MODIFY_DEVICES, show_activate),
    Page("POST", "/admin/phones/{phone}/activate", Permission.MODIFY_DEVICES, activate),
    Page("POST", "/admin/phones/{phone}/test", Permission.MODIFY_DEVICES, send_test),
)
