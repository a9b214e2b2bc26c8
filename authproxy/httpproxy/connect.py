"""The one request that the HTTP proxy takes: ``CONNECT host:port`` (RFC 9110 9.3.6). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST_HEAD: Final = 8192
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Connect:
    """``host`` in lower case. ``early``: what the client has sent already for the other side."""

    host: str
    port: int
    early: bytes = b""


@dataclass(frozen=True, slots=True)
class Unusable:
    """``why`` is one of a few fixed texts."""

    status: bytes
    why: str


def read_head(received: bytes) -> Connect | Unusable | None:
    """What the client wants; None: there is more to come."""
    head, end, early = received.partition(_END)
    if len(head) > LONGEST_HEAD:
        return Unusable(b"431 Request Header Fields Too Large", "a request head that is too long")
    if not end:
        return None
    words = head.partition(b"\r\n")[0].split(b" ")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        return Unusable(b"400 Bad Request", "something that is no HTTP request")
    if words[0] != b"CONNECT":
        return Unusable(b"405 Method Not Allowed", "a method other than CONNECT")
    host, colon, port = words[1].rpartition(b":")
    if not colon or not host or not port.isdigit() or len(port) > 5 or not words[1].isascii():
        return Unusable(b"400 Bad Request", "a CONNECT without host and port")
    return Connect(host.decode("ascii").lower().removeprefix("[").removesuffix("]"), int(port), early)


def refusal(status: bytes) -> bytes:
    """The whole response."""
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
FORBIDDEN: Final = refusal(b"403 Forbidden")
BAD_GATEWAY: Final = refusal(b"502 Bad Gateway")
BUSY: Final = refusal(b"503 Service Unavailable")
TIMED_OUT: Final = refusal(b"408 Request Timeout")
