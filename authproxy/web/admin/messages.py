"""Mail and text messages that went out or wait to, as their recipients saw them."""

from __future__ import annotations

import hmac
from typing import Final

from starlette.responses import Response

from authproxy.secondfactor.audit import note
from authproxy.secondfactor.mailroom import Composes
from authproxy.secondfactor.messages import Message, MessageFilter, as_received, find_message, search_messages
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.framed import framed, with_pictures
from authproxy.web.admin.lists import pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.catalogue import _

HOME: Final = "/admin/messages"
_PURPOSES: Final = (
    _("enrollment"),
    _("activation"),
    _("passcodes"),
    _("administrator"),
    _("fraud"),
    _("low-credit"),
)
_LOOK_SECONDS: Final = 300


async def show_list(visit: Visit) -> Response:
    query = visit.query
    wanted = MessageFilter(
        query.get("text", ""), "", query.get("kind", ""), query.get("purpose", ""), query.get("status", "")
    )
    window = window_of(visit)
    found = await visit.read(lambda connection: search_messages(connection, wanted, window))
    return visit.render(
        "admin/messages/list.html",
        messages=found.rows,
        wanted=wanted,
        purposes=_PURPOSES,
        pager=pager(visit, found, window),
        has_texts=visit.rooms.mail is not None and visit.may(Permission.MODIFY_SETTINGS),
    )


async def show(visit: Visit) -> Response:
    return await _shown(visit, is_revealed=False)


async def reveal(visit: Visit) -> Response:
    """With links and codes: for who may issue them, and on record."""
    return await _shown(visit, is_revealed=True)


async def _shown(visit: Visit, *, is_revealed: bool) -> Response:
    message = await visit.read(lambda connection: find_message(connection, visit.path["message"]))
    may_reveal = visit.may(message.reveals) and message.secrets is not None
    key = ""
    if is_revealed and may_reveal:
        told = {"recipient": message.recipient, "purpose": message.purpose}
        await visit.change(
            lambda connection: note(
                connection, visit.actor, "message reveal", message.id, told, address=visit.address
            )
        )
        key = _key(visit, message, _span(visit))
    received = as_received(message, visit.rooms.seeds if key else None)
    frame = f"{HOME}/{message.id}/html" + (f"?key={key}" if key else "")
    return visit.render(
        "admin/messages/message.html",
        message=message,
        text=received.text,
        frame=frame,
        may_reveal=may_reveal and not key,
        is_revealed=bool(key),
    )


async def show_html(visit: Visit) -> Response:
    """For the frame of the page, which says whether secrets are shown: ``key``."""
    message = await visit.read(lambda connection: find_message(connection, visit.path["message"]))
    if not message.html:
        raise NotFound("it has no HTML")
    if not _is_key(visit, message):
        return framed(as_received(message, None).html)
    received = as_received(message, visit.rooms.seeds)
    secrets = received.secrets or ()
    return framed(await visit.rooms.office.aside(lambda: with_pictures(received.html, secrets)))


def _span(visit: Visit) -> int:
    return int(visit.rooms.now() // _LOOK_SECONDS)


def _key(visit: Visit, message: Message, span: int) -> str:
    """Shows that this administrator has just been shown the message with its secrets."""
    key = visit.rooms.seeds.derived("messages shown")
    return hmac.digest(key, f"{message.id} {visit.admin.id} {span}".encode(), "sha256").hex()


def _is_key(visit: Visit, message: Message) -> bool:
    given, span = visit.query.get("key", "").encode(), _span(visit)
    keys = (_key(visit, message, each).encode() for each in (span, span - 1))
    return visit.may(message.reveals) and any(hmac.compare_digest(given, key) for key in keys)


# ---------------------------------------------------------------- the texts that mails are made of


async def show_texts(visit: Visit) -> Response:
    mail = visit.rooms.mail
    return visit.render("admin/messages/texts.html", names=mail.composes.names() if mail is not None else ())


async def show_text(visit: Visit) -> Response:
    name = visit.path["name"]
    letter = _mail(visit).preview(name)
    return visit.render("admin/messages/text.html", text_name=name, letter=letter)


async def show_text_html(visit: Visit) -> Response:
    letter = _mail(visit).preview(visit.path["name"])
    return framed(with_pictures(letter.html, ("https://mfa.example.com/",)))


def _mail(visit: Visit) -> Composes:
    if visit.rooms.mail is None:
        raise NotFound(visit.gettext("no mail server is configured"))
    return visit.rooms.mail.composes


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, Permission.VIEW_LOGS, show_list),
    Page("GET", "/admin/mail-texts", Permission.MODIFY_SETTINGS, show_texts),
    Page("GET", "/admin/mail-texts/{name}", Permission.MODIFY_SETTINGS, show_text),
    Page("GET", "/admin/mail-texts/{name}/html", Permission.MODIFY_SETTINGS, show_text_html),
    Page("GET", f"{HOME}/{{message}}", Permission.VIEW_LOGS, show),
    Page("POST", f"{HOME}/{{message}}/reveal", Permission.MODIFY_DEVICES, reveal),
    Page("GET", f"{HOME}/{{message}}/html", Permission.VIEW_LOGS, show_html),
)
