"""Kinds of options that mail alone has."""

from __future__ import annotations

import re
from typing import Final

from authproxy.config.options import BadValue, Kind

# RFC 5321 4.1.2 without quoted local parts and address literals: what administrators have.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_WANTED: Final = "a mail address such as mfa@example.com"


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise BadValue(_WANTED)
    return text


MAIL_ADDRESS: Final = Kind(_WANTED, _address)
