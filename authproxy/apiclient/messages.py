"""An HTTP request and its reply, as far as the API needs them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``query`` is encoded. ``is_poll``: the answer may take long, so it does not stand in the others' way."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    is_poll: bool = False


@dataclass(frozen=True, slots=True)
class HttpReply:
    """``retry_after``: the header's text, empty without one."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str = ""
