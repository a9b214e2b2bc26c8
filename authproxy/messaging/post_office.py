"""Mail, wired: the texts, the queue, and who carries it to the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime

from authproxy.config.settings_mail import MailSettings
from authproxy.messaging.mail_templates import MailTemplates, SiteWords
from authproxy.messaging.postman import Postman
from authproxy.messaging.smtp import SmtpServer
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.seeds import SeedBox

_NAMELESS = "the sign-in service"


def open_templates(settings: MailSettings, base_url: str) -> MailTemplates:
    """Raises ConfigError: a text of the site's can't be used."""
    site = urlsplit(base_url).hostname or settings.sender.rpartition("@")[2]
    words = SiteWords(settings.sender_name or _NAMELESS, site, settings.reply_to)
    templates = MailTemplates(settings.template_dir, words)
    templates.check()
    return templates


def open_mailroom(
    settings: MailSettings,
    base_url: str,
    seeds: SeedBox,
    now: Callable[[], float],
    language: Callable[[], str] = lambda: "en",
    name: Callable[[], str] = lambda: "",
) -> Mailroom:
    """``base_url``: of the web side; empty without one. ``language``, ``name``: the account's. Raises
    ConfigError."""
    return Mailroom(open_templates(settings, base_url), seeds, settings.sender, base_url, now, language, name)


@dataclass(frozen=True, slots=True)
class PostOffice:
    mailroom: Mailroom
    postman: Postman

    @classmethod
    def open(
        cls,
        settings: MailSettings,
        base_url: str,
        seeds: SeedBox,
        outbox: Outbox,
        clock: IReactorTime,
        now: Callable[[], float],
        language: Callable[[], str] = lambda: "en",
        name: Callable[[], str] = lambda: "",
    ) -> PostOffice:
        """The postman is not started. Raises ConfigError."""
        mailroom = open_mailroom(settings, base_url, seeds, now, language, name)
        return cls(mailroom, Postman(outbox, SmtpServer(settings), clock))
