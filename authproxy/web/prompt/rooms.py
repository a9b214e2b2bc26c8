"""What the prompt's pages are handed, and where a prompt is: each has an address and a cookie of its own, so that
several tabs can log in at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from authproxy.secondfactor.office import Office
from authproxy.secondfactor.portal_login import FindsApplications
from authproxy.secondfactor.prompt_desk import SECONDS, PromptDesk


@dataclass(frozen=True, slots=True)
class PromptRooms:
    """``base_url``: ``https://host[:port]``. ``now``: epoch seconds. ``language``: the account's; empty: nobody
    has chosen one. ``seconds``: how long a prompt may take."""

    desk: PromptDesk
    office: Office
    applications: FindsApplications
    base_url: str
    now: Callable[[], float]
    language: Callable[[], str]
    seconds: int = int(SECONDS)


def prompt_id(cookie: str) -> str:
    """Names the prompt; the cookie can't be had from it."""
    return sha256(b"prompt " + cookie.encode()).hexdigest()[:16]


def cookie_name(prompt: str) -> str:
    return f"__Host-prompt-{prompt}"


def prompt_path(prompt: str) -> str:
    return f"/prompt/{prompt}"
