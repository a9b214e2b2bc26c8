"""Signing requests to a Duo-style API. Pure; ``web/api/signature`` is the other side, which has to guess versions.

The signature is lowercase hex of HMAC-SHA-512(skey, text) over some lines of the request: version 2 covers its
parameters, 5 the query and a hash of the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

_NO_HEADERS: Final = hashlib.sha512(b"").hexdigest()  # version 5 covers X-Duo- headers, too; none are sent


@dataclass(frozen=True, slots=True)
class Signable:
    """``path`` is what stands before the ``?``, as sent; ``date`` the header's exact text; ``params`` those of the
    query, in version 2 also of the form, decoded."""

    method: str
    host: str
    path: str
    date: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


def signed_text(request: Signable, version: int) -> str:
    """The lines that are signed, joined by LF. ``version``: 2 or 5."""
    lines = [request.date, request.method, request.host.lower(), request.path, encoded(request.params)]
    if version == 5:
        lines += [hashlib.sha512(request.body).hexdigest(), _NO_HEADERS]
    return "\n".join(lines)


def encoded(params: Iterable[tuple[str, str]]) -> str:
    """Sorted by encoded name, then value; only letters, digits and ``_.~-`` stand for themselves."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in params)
    return "&".join(f"{name}={value}" for name, value in pairs)


def authorization(ikey: str, skey: bytes, request: Signable, version: int) -> str:
    """The Authorization header."""
    signature = hmac.new(skey, signed_text(request, version).encode("utf-8"), "sha512").hexdigest()
    return "Basic " + base64.b64encode(f"{ikey}:{signature}".encode()).decode("ascii")
