"""A mail as it crosses the network: text and HTML, with the QR codes that the HTML shows (RFC 2046, RFC 2392)."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

import segno

from authproxy.config.settings_mail import MailSettings
from authproxy.messaging.mail_templates import one_line
from authproxy.secondfactor.message_text import picture_name, pictured
from authproxy.secondfactor.outbox import Outgoing

_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")
_QUIET = 4  # modules around a code, ISO/IEC 18004 6.3.8


def mime(mail: Outgoing, settings: MailSettings) -> EmailMessage:
    """The same bytes at every attempt, but for boundaries: a server that took it before may know it by its
    Message-ID. Raises ValueError for what is no address."""
    message = EmailMessage(policy=SMTP if mail.recipient.isascii() else SMTPUTF8)
    message["From"] = _address(settings.sender, one_line(settings.sender_name))
    message["To"] = _address(mail.recipient)
    message["Subject"] = one_line(mail.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.at, UTC))
    message["Message-ID"] = f"<{mail.id}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: nobody's absence is answered
    if settings.reply_to:
        message["Reply-To"] = _address(settings.reply_to)
    message.set_content(mail.text)
    if mail.html:
        _add_html(message, mail)
    return message


def _address(text: str, name: str = "") -> Address:
    """Nothing in it can be a second address, or another header."""
    if not _ADDRESS.fullmatch(text) or not text.isprintable():
        raise ValueError(f"{text!r} is no mail address")
    user, _, domain = text.rpartition("@")
    return Address(name, user, domain)


def _add_html(message: EmailMessage, mail: Outgoing) -> None:
    message.add_alternative(mail.html, subtype="html")
    related = message.get_body(("html",))
    assert isinstance(related, EmailMessage)
    for at in pictured(mail.html, len(mail.secrets)):
        name = picture_name(at).removeprefix("cid:")
        picture = png(mail.secrets[at - 1])
        related.add_related(picture, "image", "png", cid=f"<{name}>", filename="code.png", disposition="inline")


def png(text: str) -> bytes:
    """A QR code. Takes some ten milliseconds."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(drawn, kind="png", scale=5, border=_QUIET)
    return drawn.getvalue()
