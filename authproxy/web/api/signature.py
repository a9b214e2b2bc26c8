"""Signed requests: what a signature covers in versions 1, 2, 4 and 5, and which of them a request was signed with.

A client sends ``Authorization: Basic base64(ikey:signature)``. The signature is the HMAC, in hexadecimal, of a few
lines of the request with the application's secret key; nothing says which version it is, so each that could be
meant is tried. Pure; everything is bytes as they came.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_tz
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl, quote

WINDOW: Final = 300.0  # how far a client's clock may be off, in seconds
MOST_PARAMETERS: Final = 1000
_WITH_BODY = (b"POST", b"PUT", b"PATCH")
_OLD_API = b"/rest/v1/"
_DIGESTS = {40: "sha1", 128: "sha512"}  # by length of the signature
_LONGEST_CREDENTIALS = 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    ikey: str
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signable:
    """What of a request can be signed. ``path`` and ``query`` are not decoded; ``host`` may have a port; ``date``
    is X-Duo-Date or else Date, empty without both; ``duo_headers`` are those named x-duo-..., in lower case."""

    method: bytes
    host: bytes
    path: bytes
    query: bytes
    body: bytes = field(repr=False)
    is_json: bool
    date: bytes
    duo_headers: Sequence[tuple[bytes, bytes]] = ()

    @property
    def has_form(self) -> bool:
        return self.method in _WITH_BODY and not self.is_json

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of query and form, in order; bytes that are not UTF-8 as surrogates. Raises ValueError
        for a thousand and more."""
        pairs = _pairs(self.query)
        return pairs + _pairs(self.body) if self.has_form else pairs


@dataclass(frozen=True, slots=True)
class Verified:
    """``version`` 4 and 5 cover the body; 1 and 2 the parameters of query and form; 1 no date."""

    version: int


class Flaw(Enum):
    NO_DATE = "no date"
    BAD_DATE = "unreadable date, or too far from now"
    BAD_SIGNATURE = "no version of the signature fits"


def credentials(authorization: bytes) -> Credentials | None:
    """None: there are none that can be read."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic" or len(encoded) > _LONGEST_CREDENTIALS:
        return None
    try:
        ikey, colon, signature = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return Credentials(ikey.decode("ascii"), signature) if colon and ikey else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def verify(
    request: Signable,
    signature: bytes,
    skey: bytes,
    now: float,
    *,
    names: Sequence[bytes] = (),
    allow_v1: bool = False,
) -> Verified | Flaw:
    """``names``: hosts under which this service is known besides what the request says. Version 1 can be replayed
    for ever, so it is good for the old API only, and only where ``allow_v1`` says so."""
    digest = _DIGESTS.get(len(signature))
    hosts = tuple(dict.fromkeys((*_forms(request.host), *(form for name in names for form in _forms(name)))))

    def fits(text: bytes) -> bool:
        return digest is not None and hmac.compare_digest(
            hmac.digest(skey, text, digest).hex().encode(), signature
        )

    if allow_v1 and request.path.startswith(_OLD_API) and any(fits(text) for text in _texts_1(request, hosts)):
        return Verified(1)
    if not request.date:
        return Flaw.NO_DATE
    sent = _moment(request.date)
    if sent is None or abs(sent - now) > WINDOW:
        return Flaw.BAD_DATE
    for version, text in _texts(request, hosts, is_long=digest == "sha512"):
        if fits(text):
            return Verified(version)
    return Flaw.BAD_SIGNATURE


# ---------------------------------------------------------------- canonical texts


def _texts_1(request: Signable, hosts: Sequence[bytes]) -> Iterator[bytes]:
    parameters = canonical_parameters(request.pairs())
    for host in hosts:
        yield b"\n".join((request.method, host, request.path, parameters))


def _texts(request: Signable, hosts: Sequence[bytes], *, is_long: bool) -> Iterator[tuple[int, bytes]]:
    """Those that can be meant, the likeliest first. 4 and 5 are SHA-512 always, and have a JSON body or none."""
    if is_long and not request.has_form:
        query = canonical_parameters(_pairs(request.query))
        hashes = hashlib.sha512(request.body).hexdigest().encode()
        both = hashes + b"\n" + _hash_of_headers(request.duo_headers)
        for host in hosts:
            head = b"\n".join((request.date, request.method, host, request.path, query, b""))
            yield 5, head + both
            yield 4, head + hashes
    if request.method not in _WITH_BODY or not (request.is_json and request.body):
        parameters = canonical_parameters(request.pairs())
        for host in hosts:
            yield 2, b"\n".join((request.date, request.method, host, request.path, parameters))


def canonical_parameters(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Sorted by encoded name, then by encoded value."""
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded).encode("ascii")


def _encode(text: str) -> str:
    return quote(text, safe="~", errors="surrogateescape")


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    if not encoded:
        return []
    return parse_qsl(
        encoded.decode("ascii", "surrogateescape"),
        keep_blank_values=True,
        errors="surrogateescape",
        max_num_fields=MOST_PARAMETERS,
    )


def _hash_of_headers(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    text = b"\x00".join(part for header in sorted(headers) for part in header)
    return hashlib.sha512(text).hexdigest().encode()


def _forms(host: bytes) -> Iterator[bytes]:
    """Most clients sign the host without its port, some with it."""
    host = host.lower()
    bare, colon, port = host.rpartition(b":")
    if colon and port.isdigit():
        yield bare
    yield host


def _moment(date: bytes) -> float | None:
    """RFC 5322 3.3 in any time zone, in epoch seconds."""
    try:
        parts = parsedate_tz(date.decode("ascii"))
        return None if parts is None else calendar.timegm((*parts[:6], 0, 0, 0)) - (parts[9] or 0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
