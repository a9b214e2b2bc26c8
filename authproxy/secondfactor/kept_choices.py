"""What clients of the Admin API may store and read back, while nothing here goes by it: administrators'
methods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.store.tables import settings

_KEY: Final = "admin_methods"
_METHODS: Final[Mapping[str, JsonValue]] = {
    "push_enabled": False,
    "sms_enabled": False,
    "voice_enabled": False,
    "mobile_otp_enabled": True,
    "yubikey_enabled": True,
    "hardware_token_enabled": False,
    "verified_push_enabled": False,
    "verified_push_length": None,
}


def admin_methods(connection: sa.Connection) -> dict[str, JsonValue]:
    """By name; the length is null while verified pushes are off."""
    text = connection.execute(sa.select(settings.c.value).where(settings.c.key == _KEY)).scalar()
    return {**_METHODS, **(json.loads(text) if text else {})}


def change_admin_methods(connection: sa.Connection, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What they are then."""
    after = {**admin_methods(connection), **changes}
    connection.execute(settings.delete().where(settings.c.key == _KEY))
    connection.execute(settings.insert().values(key=_KEY, value=json.dumps(after)))
    return after
