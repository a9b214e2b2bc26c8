"""What an HTTP reply of a Duo-style API amounts to. Pure.

``{"stat": "OK", "response": {...}}`` with status 200, or ``{"stat": "FAIL", "code": 40002, "message": ...}`` with
the status that the code begins with. Whatever else comes is from somebody else, or from a service that fails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from authproxy.apiclient.messages import HttpReply
from authproxy.model import JsonValue

_LONGEST_TEXT = 200
_UNABLE = 503  # the request was not handled (RFC 9110 15.6.4); gateways say 502 and 504 of those that were


@dataclass(frozen=True, slots=True)
class Answer:
    """The service did what was asked."""

    response: Mapping[str, JsonValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The service works and will not do it. ``code`` has five digits, the first three being ``status``."""

    status: int
    code: int
    message: str
    detail: str = ""
    retry_after: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.message}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Outage:
    """Nobody answered, or nobody who speaks for the service. ``was_sent``: the request may have taken effect.
    ``is_ours``: the fault is on this host, so it says nothing of the service."""

    why: str
    was_sent: bool = True
    is_ours: bool = False

    def __str__(self) -> str:
        return self.why


Outcome = Answer | Refusal | Outage


def read_envelope(reply: HttpReply) -> Outcome:
    """Never raises, whatever the body is."""
    if reply.status >= 500:
        return Outage(f"HTTP status {reply.status}", was_sent=reply.status != _UNABLE)
    content = _object(reply.body)
    if content.get("stat") == "FAIL":
        refusal = _refusal(content, reply)
        if refusal is not None:
            return refusal
    if 400 <= reply.status < 500:
        return Refusal(reply.status, reply.status * 100, "no explanation", "", reply.retry_after)
    if reply.status != 200:
        return Outage(f"HTTP status {reply.status} instead of an answer")
    response = content.get("response")
    if content.get("stat") == "OK" and isinstance(response, dict):
        return Answer(response)
    return Outage("what came is not an answer of such a service")


def _object(body: bytes) -> dict[str, JsonValue]:
    """Empty when the body is anything else than a JSON object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _refusal(content: Mapping[str, JsonValue], reply: HttpReply) -> Refusal | None:
    """None: no code that would put the blame on the request."""
    code = content.get("code")
    if not isinstance(code, int) or isinstance(code, bool) or not 400_00 <= code <= 499_99:
        return None
    message, detail = _text(content.get("message")), _text(content.get("message_detail"))
    return Refusal(code // 100, code, message, detail, reply.retry_after)


def _text(value: JsonValue) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST_TEXT])
