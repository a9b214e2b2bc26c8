"""The service's own key of Web Push: made at first use, kept sealed. With another key every subscription ends."""

from __future__ import annotations

import base64

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.messaging.webpush_vapid import Vapid, new_key
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import settings
from authproxy.store.writer import Writer

_PURPOSE, _OWNER = "web push key", "service"
_NAME = "web_push_key"
_FIND = compiled(sa.select(settings.c.value).where(settings.c.key == bindparam("name")))
_KEEP = compiled(settings.insert().values(key=bindparam("name"), value=bindparam("sealed")))


class PushKey:
    def __init__(self, writer: Writer, seeds: SeedBox, contact: str) -> None:
        """``contact``: a URL at which push services find the service's people."""
        self._writer = writer
        self._seeds = seeds
        self._contact = contact
        self._vapid: Vapid | None = None

    async def vapid(self) -> Vapid:
        """Raises StoreUnavailable, SecretError."""
        if self._vapid is None:
            fresh = base64.b64encode(self._seeds.seal(_PURPOSE, _OWNER, new_key())).decode("ascii")

            def job(connection: Connection) -> str:
                row = connection.execute(_FIND, {"name": _NAME}).fetchone()
                if row is None:
                    connection.execute(_KEEP, {"name": _NAME, "sealed": fresh})
                return fresh if row is None else str(row[0])

            sealed = base64.b64decode(await self._writer.run(job))
            self._vapid = Vapid(self._seeds.unseal(_PURPOSE, _OWNER, sealed), self._contact)
        return self._vapid

    async def public(self) -> str:
        """As browsers want it, base64url. Raises StoreUnavailable, SecretError."""
        return (await self.vapid()).public_key
