"""How a phone is given the privacyIDEA Authenticator: the address that its QR code holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import sqlalchemy as sa

from authproxy.secondfactor.activations import DEFAULT_SECONDS, activate_phone
from authproxy.secondfactor.pipush_desk import new_credential, serial_of, url_of
from authproxy.secondfactor.pipush_text import enrollment_url
from authproxy.secondfactor.users import User


@dataclass(frozen=True, slots=True)
class NewPipush:
    """Shown once. ``expires`` in epoch seconds."""

    url: str = field(repr=False)
    code: str = field(repr=False)
    serial: str
    expires: float


def enroll_pipush(
    connection: sa.Connection,
    user: User,
    phone_id: str,
    base_url: str,
    seconds: int = DEFAULT_SECONDS,
    *,
    needs_test: bool = False,
) -> NewPipush:
    """Replaces the phone's open activation, whatever it was for. ``needs_test``: the app counts once it has
    answered. Raises BadValue."""
    credential = new_credential()
    made = activate_phone(connection, user.id, phone_id, base_url, seconds, credential, needs_test=needs_test)
    url = address_of(credential, base_url, seconds, user.display_name)
    return NewPipush(url, credential, serial_of(credential), made.expires)


def address_of(credential: str, base_url: str, seconds: float, label: str) -> str:
    """What the app scans. ``label``: how it calls the account."""
    issuer = urlsplit(base_url).hostname or "authproxy"
    minutes = max(1, math.floor(seconds / 60))
    return enrollment_url(url_of(base_url), serial_of(credential), credential, minutes, label, issuer)
