"""The mail server: one conversation, in which any number of mails is handed over (RFC 5321)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Protocol

import aiosmtplib

from authproxy.config.settings_mail import MailSettings
from authproxy.messaging.mime import mime
from authproxy.secondfactor.outbox import Outgoing


@dataclass(frozen=True, slots=True)
class Handed:
    """The server has it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """This mail: by its recipient or its content. ``is_final``: asking again is of no use (5yz)."""

    why: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No mail gets through just now: no connection, no log-in, or it broke off."""

    why: str


Delivery = Handed | Refused | Unreachable


class Delivers(Protocol):
    """In asyncio's loop."""

    async def deliver(self, mail: Outgoing) -> Delivery:
        """Never raises, but when it is cancelled."""
        ...

    async def rest(self) -> None:
        """Ends the conversation; the next mail begins another."""
        ...


class SmtpServer:
    """Implements ``Delivers``."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._open: aiosmtplib.SMTP | None = None

    async def deliver(self, mail: Outgoing) -> Delivery:
        try:
            message = await asyncio.to_thread(mime, mail, self._settings)
        except ValueError as error:
            return Refused(str(error), is_final=True)
        try:
            connection = await self._connection()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            await self.rest()
            return Unreachable(_told(error))
        try:
            await connection.send_message(message, sender=self._settings.sender, recipients=[mail.recipient])
        except aiosmtplib.SMTPRecipientsRefused as error:
            refusal = error.recipients[0]
            return Refused(f"{refusal.code} {refusal.message}", _is_final(refusal.code))
        except aiosmtplib.SMTPDataError as error:
            return Refused(f"{error.code} {error.message}", _is_final(error.code))
        except (aiosmtplib.SMTPNotSupported, ValueError) as error:
            return Refused(_told(error), is_final=True)
        except (aiosmtplib.SMTPException, OSError) as error:
            await self.rest()
            return Unreachable(_told(error))
        return Handed()

    async def rest(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await connection.quit(timeout=2)
            connection.close()

    async def _connection(self) -> aiosmtplib.SMTP:
        if self._open is not None and self._open.is_connected:
            return self._open
        await self.rest()
        settings = self._settings
        authorities = settings.ssl_ca_certs_file
        made = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=ssl.create_default_context(cafile=str(authorities) if authorities else None),
        )
        self._open = made
        await made.connect()
        if settings.username and settings.password is not None:
            await made.login(settings.username, settings.password.reveal())
        return made


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
