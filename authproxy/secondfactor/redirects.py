"""Where a browser may be sent on behalf of an application: its redirect URIs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

LONGEST: Final = 1024
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def is_address(uri: str) -> bool:
    """Whether it is one: by HTTPS, or to the browser's own host; no fragment, no user, nothing that browsers read
    otherwise than we do."""
    if not 0 < len(uri) <= LONGEST or not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri:
        return False
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "#" in uri or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def with_query(uri: str, more: Mapping[str, str]) -> str:
    """Its own query stays, as it is."""
    parts = urlsplit(uri)
    ours = urlencode(more)
    return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))
