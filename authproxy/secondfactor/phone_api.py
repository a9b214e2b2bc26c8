"""The words between a phone's page and the service: what it asks, what it is told, and why it is refused.

``phone_desk.PhoneDesk`` implements :class:`PhoneApi`; the pages under ``web/phone`` only translate. Every request
is signed with the phone's own key (ECDSA P-256, SHA-256), which never leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from authproxy.errors import AuthproxyError


class Why(StrEnum):
    """Of a refusal; the page knows these words."""

    BAD_REQUEST = "bad-request"
    BAD_CODE = "bad-code"  # of activation: unknown, used or expired
    UNKNOWN_PHONE = "unknown-phone"  # deleted, or activated anew elsewhere
    DISABLED = "disabled"
    FORGED = "forged"
    CLOCK = "clock"
    REPLAYED = "replayed"
    NO_SUCH_PUSH = "no-such-push"
    TOO_LATE = "too-late"
    TOO_MANY = "too-many"


class PhoneRefused(AuthproxyError):
    """Ends a request. The message is for the phone's user."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Signed:
    """A request and its signature (64 bytes, r and s). ``serial`` names the phone, ``time`` is in milliseconds
    since the epoch, ``nonce`` is the phone's random text, and never comes twice."""

    path: str
    serial: str
    time: int
    nonce: str
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """``code`` of an activation, and the key (DER SubjectPublicKeyInfo) the phone made for it. ``platform`` as the
    Auth API spells it."""

    code: str = field(repr=False)
    public_key: bytes
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """``secret``: of the phone's own code generator (TOTP, SHA-1, 30 seconds, six digits), told once."""

    serial: str
    label: str
    usernames: Sequence[str]
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShownPush:
    """What a phone shows of a push; times in epoch seconds. ``options`` are to pick the number from; with mode
    ``number`` and no options it is typed."""

    id: str
    nonce: str
    username: str
    application: str
    client_ip: str
    location: str
    created: float
    expires: float
    mode: str
    options: Sequence[str]
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PhoneView:
    """A phone and what it is asked."""

    label: str
    usernames: Sequence[str]
    pushes: Sequence[ShownPush]


@dataclass(frozen=True, slots=True)
class Answer:
    """``decision``: approve, deny or fraud. ``nonce`` as the push came with; ``number``: picked or typed."""

    push_id: str
    nonce: str
    decision: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """``status``: approved, denied or fraud; approving with a wrong number denies. ``code``: to be typed at the
    login."""

    status: str
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """What the phone tells of itself. ``clock``: its own, in milliseconds since the epoch. ``subscription``: to
    Web Push, as JSON; empty: none, None: unchanged."""

    clock: int
    permission: str
    subscription: str | None = None


class PhoneApi(Protocol):
    """Every method may raise PhoneRefused, and StoreUnavailable or SecretError."""

    async def claim(self, signed: Signed, claim: Claim) -> Claimed:
        """Makes the phone the user's. ``signed``: with the key that is claimed, and no serial."""
        ...

    async def pushes(self, signed: Signed) -> PhoneView: ...

    async def answer(self, signed: Signed, answer: Answer) -> Answered: ...

    async def contact(self, signed: Signed, contact: Contact) -> str:
        """The key that browsers want of a server that sends pushes (base64url); empty: it sends none."""
        ...

    async def delivered(self, signed: Signed, push_id: str) -> None:
        """A notification has reached the phone."""
        ...

    async def try_out(self, signed: Signed) -> None:
        """Sends a push to the phone that asked for it."""
        ...

    async def leave(self, signed: Signed) -> None:
        """The phone is given up; its codes are refused from now on."""
        ...

    async def whose(self, signed: Signed) -> str:
        """The ID of the phone that signed."""
        ...
