"""The picture that applications show at a login: one PNG, kept with the settings."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.refusals import BadValue
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import settings
from authproxy.store.writer import Writer

LARGEST: Final = 200_000
_NAME = "logo"
_BEGIN = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # PNG (ISO/IEC 15948) 5.2 and 11.2.2
_END = b"IEND\xaeB`\x82"
_FIND = compiled(sa.select(settings.c.value).where(settings.c.key == bindparam("name")))


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG; width and height in pixels."""

    png: bytes = field(repr=False)
    width: int
    height: int

    @classmethod
    def of(cls, png: bytes) -> Picture:
        """Raises BadValue."""
        if len(png) > LARGEST:
            raise BadValue(f"a logo of {len(png)} bytes; wanted at most {LARGEST}")
        if not png.startswith(_BEGIN) or not png.endswith(_END) or len(png) < len(_BEGIN) + 8 + len(_END):
            raise BadValue("this is no PNG picture, or not a whole one")
        width, height = struct.unpack_from(">II", png, len(_BEGIN))
        return cls(png, width, height)


def store_logo(connection: sa.Connection, picture: Picture) -> None:
    """In place of the one before."""
    delete_logo(connection)
    value = base64.b64encode(picture.png).decode("ascii")
    connection.execute(settings.insert().values(key=_NAME, value=value))


def stored_logo(connection: sa.Connection) -> Picture | None:
    value = connection.execute(sa.select(settings.c.value).where(settings.c.key == _NAME)).scalar()
    return None if value is None else Picture.of(base64.b64decode(value))


def delete_logo(connection: sa.Connection) -> bool:
    """False: there was none."""
    return connection.execute(settings.delete().where(settings.c.key == _NAME)).rowcount > 0


class Logo:
    """The same for clients."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def png(self) -> bytes | None:
        """Raises StoreUnavailable."""

        def job(connection: Connection) -> str | None:
            row = connection.execute(_FIND, {"name": _NAME}).fetchone()
            return None if row is None else str(row[0])

        value = await self._writer.run(job)
        return None if value is None else base64.b64decode(value)
