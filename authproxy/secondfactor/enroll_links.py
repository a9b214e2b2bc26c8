"""Links with which somebody enrolls who has shown a right password, but has no device yet.

A link names the user and is signed: nothing is stored for it, so that logins of strangers fill no table. The page
behind it makes the user if there is none, and refuses whoever has a device already. What a phone is activated with
follows from the link: its hash among the activations is what tells that a link was used.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from authproxy.secondfactor.seeds import SeedBox

VALID_SECONDS: Final = 3600
_PURPOSE, _CODES = "enrollment links", "codes of enrollment links"
_MAC, _TIME = 16, 5
_CODE_LETTERS, _CREDENTIAL = 20, 20


@dataclass(frozen=True, slots=True)
class Ticket:
    """A link that is good. ``expires`` in epoch seconds; ``code`` activates the page of a phone, ``credential``
    the privacyIDEA Authenticator. ``is_invited``: by mail; ``is_completed``: a device
    has answered its test."""

    username: str
    expires: float
    code: str = field(repr=False)
    credential: str = field(repr=False)
    is_invited: bool = False
    is_completed: bool = False


class EnrollLinks:
    def __init__(self, seeds: SeedBox, base_url: str, now: Callable[[], float]) -> None:
        """``base_url``: ``https://host[:port]``. ``now``: epoch seconds."""
        self._key = seeds.derived(_PURPOSE)
        self._codes = seeds.derived(_CODES)
        self._base_url = base_url
        self._now = now

    def link(self, username: str) -> str:
        """``username``: normalized. Good for an hour."""
        return f"{self._base_url}/enroll/{self.ticket(username)}"

    def ticket(self, username: str, expires: float | None = None) -> str:
        """What the link ends with. ``expires``: whoever names it gets the same ticket again."""
        until = self._now() + VALID_SECONDS if expires is None else expires
        signed = int(until).to_bytes(_TIME) + username.encode("utf-8", "replace")
        return base64.urlsafe_b64encode(self._mac(signed) + signed).rstrip(b"=").decode()

    def read(self, ticket: str) -> Ticket | None:
        """None: forged, damaged or expired."""
        try:
            blob = base64.b64decode(ticket.encode() + b"=" * (-len(ticket) % 4), b"-_", validate=True)
            mac, signed = blob[:_MAC], blob[_MAC:]
            username = signed[_TIME:].decode()
        except ValueError:
            return None
        expires = int.from_bytes(signed[:_TIME])
        if not hmac.compare_digest(mac, self._mac(signed)) or expires <= self._now():
            return None
        return self._ticket(username, expires, signed)

    def invited(self, username: str, expires: float, code: str, *, is_completed: bool) -> Ticket:
        """What an invitation by mail stands for. ``code``: what its link ends with."""
        made = self._ticket(username, expires, b"invited " + code.encode("utf-8", "replace"))
        return replace(made, is_invited=True, is_completed=is_completed)

    def _ticket(self, username: str, expires: float, signed: bytes) -> Ticket:
        code = base64.b32encode(self._derived(b"page", signed)).decode()[:_CODE_LETTERS]
        return Ticket(username, expires, code, self._derived(b"authenticator", signed)[:_CREDENTIAL].hex())

    def _mac(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, "sha256")[:_MAC]

    def _derived(self, purpose: bytes, signed: bytes) -> bytes:
        return hmac.digest(self._codes, purpose + b"\x00" + signed, "sha256")
