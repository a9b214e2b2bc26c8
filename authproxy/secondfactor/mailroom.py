"""Where mail is written: a text of the site's, filled in and put into the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from authproxy.secondfactor.message_text import picture_name
from authproxy.secondfactor.messages import Draft, queue_mail
from authproxy.secondfactor.seeds import SeedBox


@dataclass(frozen=True, slots=True)
class Letter:
    """``subject`` is one line; ``html`` may show ``cid:qr1``, the QR code of the first secret."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


class Composes(Protocol):
    def compose(self, name: str, values: Mapping[str, object], language: str = ...) -> Letter:
        """``name``: of a text (``enrollment``). ``language``: English where there is no such one.
        Raises NotDone when a text of the site's can't be used."""
        ...

    def names(self) -> tuple[str, ...]:
        """Every text there is."""
        ...

    def preview(self, name: str) -> Letter:
        """With values that are made up. Raises NotDone."""
        ...


@dataclass(frozen=True, slots=True)
class Mailroom:
    """``sender``: the address that mail comes from. ``base_url``: of the web side; empty without one. ``now``:
    epoch seconds. Of the account: ``language``, for whom nobody knows another, and ``name``: who mails say they
    are from, if it has one."""

    composes: Composes
    seeds: SeedBox
    sender: str
    base_url: str
    now: Callable[[], float]
    language: Callable[[], str] = lambda: "en"
    name: Callable[[], str] = lambda: ""

    def draft(
        self,
        name: str,
        recipient: str,
        values: Mapping[str, object],
        secrets: Mapping[str, str] | None = None,
        *,
        purpose: str = "",
        user_id: str | None = None,
        admin_id: str | None = None,
        language: str = "",
    ) -> Draft:
        """``secrets``: further values, of which no copy is shown to everybody; each has a picture (``link``:
        ``link_picture``). ``language``: the reader's own, if it is known.
        ``purpose``: the text's name by default. Raises NotDone."""
        secret = dict(secrets or {})
        pictures = {f"{key}_picture": picture_name(at) for at, key in enumerate(secret, 1)}
        service = {"service": own} if (own := self.name()) else {}
        shown = {**service, **values, **secret, **pictures}
        letter = self.composes.compose(name, shown, language or self.language())
        return Draft(
            "mail",
            purpose or name,
            recipient,
            letter.text,
            letter.subject,
            letter.html,
            tuple(secret.values()),
            user_id,
            admin_id,
            self.sender,
        )

    def post(self, connection: sa.Connection, draft: Draft) -> str:
        """Sent once this is committed. The message's ID."""
        return queue_mail(connection, self.seeds, draft, self.now())
