"""How requests of the Duo-style APIs are signed. Pure, and the same for who signs and who verifies.

The signature is lowercase hex of HMAC(skey, text); the text is a few lines that depend on the version. Versions 1
and 2 sign the parameters; 4 and 5 sign the query and a hash of the body, 5 also the ``X-Duo-`` headers. Versions 1
and 2 occur with SHA-1 and with SHA-512, 4 and 5 with SHA-512 only: the length of the signature tells.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

Pairs = tuple[tuple[str, str], ...]

VERSIONS: Final = (1, 2, 4, 5)
_DIGESTS: Final = {40: "sha1", 128: "sha512"}  # by the number of hex digits


@dataclass(frozen=True, slots=True)
class Signable:
    """A request as far as it is signed.

    ``path`` is what stands before the ``?``, as sent: not percent-decoded. ``date`` is the header's exact text.
    ``params`` are decoded pairs, repeated where a name has several values: versions 1 and 2 take those of query
    and form together, 4 and 5 those of the query only. ``body`` is raw. ``headers`` may be all of the request's.
    """

    method: str
    host: str
    path: str
    date: str = ""
    params: Pairs = ()
    body: bytes = field(default=b"", repr=False)
    headers: Pairs = ()


def signed_text(request: Signable, version: int) -> str:
    """The lines that are signed, joined by LF."""
    lines = [request.method.upper(), request.host.lower(), request.path, encoded(request.params)]
    if version > 1:
        lines.insert(0, request.date)
    if version >= 4:
        lines.append(hashlib.sha512(request.body).hexdigest())
    if version >= 5:
        lines.append(hashlib.sha512(_duo_headers(request.headers)).hexdigest())
    return "\n".join(lines)


def encoded(params: Iterable[tuple[str, str]]) -> str:
    """Sorted by encoded name, then value; only letters, digits and ``_.~-`` stand for themselves."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in params)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _duo_headers(headers: Pairs) -> bytes:
    """Name NUL value NUL name NUL value ... of the headers that begin with ``x-duo-``, sorted by name."""
    ours = sorted((name.lower(), value) for name, value in headers if name.lower().startswith("x-duo-"))
    return "\0".join(part for pair in ours for part in pair).encode("utf-8")


def sign(request: Signable, version: int, skey: bytes, digest: str = "sha512") -> str:
    """``digest``: sha1 or sha512."""
    return hmac.new(skey, signed_text(request, version).encode("utf-8"), digest).hexdigest()


def is_signed(request: Signable, version: int, skey: bytes, signature: str) -> bool:
    """Whether ``signature`` (hex) is right; in a time that does not depend on where it is wrong."""
    digest = _DIGESTS.get(len(signature))
    if digest is None or not signature.isascii():
        return False
    return hmac.compare_digest(sign(request, version, skey, digest), signature.lower())


def authorization(ikey: str, signature: str) -> str:
    """The Authorization header."""
    return "Basic " + base64.b64encode(f"{ikey}:{signature}".encode()).decode("ascii")


def read_authorization(header: str) -> tuple[str, str] | None:
    """The ikey and the signature in an Authorization header; None if it holds no such pair."""
    scheme, _, coded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        ikey, colon, signature = base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (ikey, signature) if colon and ikey and signature else None
