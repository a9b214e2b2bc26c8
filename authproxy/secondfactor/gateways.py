"""What carries a word to a person: the contracts that phone pages, telephony and mail implement.

``gateways_memory`` has their twins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from twisted.internet.defer import Deferred

from authproxy.secondfactor.pushes import Push, PushEnd, PushRequest, PushStatus, TooMany
from authproxy.secondfactor.reach import Lines, Phone


class Notifies(Protocol):
    """Brings pushes to phones. What it can't deliver a phone finds by itself: ``pushes.pending_pushes``."""

    def pushed(self, push: Push) -> None:
        """``push`` is committed. Returns at once and never raises. Not called for those without a phone."""
        ...

    def ended(self, push: Push, status: PushStatus) -> None:
        """It was decided, has expired or was withdrawn: whoever shows it may take it away."""
        ...


class AsksPush(Protocol):
    """Has pushes answered. Implemented by ``push.PushDesk``."""

    def begin(self, request: PushRequest) -> Deferred[PushEnd]:
        """Asks the user, or joins the push that is open for the same user, application, appliance, address or
        session, phone and detail; with a number or code, or if nothing tells whence it comes, it is always a new
        one. Fires with how it ended, never ``pending``; fails with StoreUnavailable. Cancel it to give up.
        """
        ...

    async def open(self, request: PushRequest) -> Push | TooMany:
        """A push for a login that goes on later: returns when it is stored. Raises StoreUnavailable."""
        ...

    async def ending(self, push_id: str) -> tuple[Push, PushStatus] | None:
        """Waits for the end of one that was opened, perhaps before a restart. None: it is not there any more.
        Raises StoreUnavailable. Cancel it to give up."""
        ...


# ---------------------------------------------------------------- phone calls


class CallStage(StrEnum):
    """What a waiting client may be told, in this order."""

    CALLING = "calling"
    ANSWERED = "answered"


class CallEnd(StrEnum):
    CONFIRMED = "confirmed"  # the key was pressed
    FRAUD = "fraud"  # the key for "I did not ask for this" was
    NO_KEY = "no key"  # answered, but no key, or another one
    NO_ANSWER = "no answer"
    LIMITED = "limited"  # this user has cost enough lately, or the credits are used up
    TOO_OFTEN = "too often"
    FAILED = "failed"  # the gateway did not take it


@dataclass(frozen=True, slots=True)
class Call:
    """One call that asks for a key. ``heard`` is told of each stage."""

    phone: Phone
    user_id: str
    username: str
    application: str
    login_id: str
    heard: Callable[[CallStage], None] = field(repr=False, compare=False)


class Calls(Protocol):
    def place(self, call: Call) -> Deferred[CallEnd]:
        """Fires once with how it ended, in a minute at most; never fails but with StoreUnavailable. Cancel it to
        hang up."""
        ...


# ---------------------------------------------------------------- text messages


class TextEnd(StrEnum):
    ACCEPTED = "accepted"  # the gateway has it
    LIMITED = "limited"
    TOO_OFTEN = "too often"
    FAILED = "failed"


async def nothing_before() -> None:
    """For messages that need no preparation."""


@dataclass(frozen=True, slots=True)
class Text:
    """``purpose`` is for the record of cost: ``passcodes``, ``activation`` ... ``secrets``: parts of ``body`` that
    the copy which is kept does not show to everybody. ``before`` is awaited once no limit is in the way, before
    the gateway is asked."""

    phone: Phone
    user_id: str
    body: str = field(repr=False)
    purpose: str
    login_id: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    before: Callable[[], Awaitable[None]] = field(default=nothing_before, repr=False, compare=False)


class Texts(Protocol):
    def send(self, text: Text) -> Deferred[TextEnd]:
        """Fires when the gateway has taken it or not; never fails but with StoreUnavailable."""
        ...


# ---------------------------------------------------------------- fraud


@dataclass(frozen=True, slots=True)
class FraudReport:
    """A user says that somebody else asked for this login. ``factor``: push or phone."""

    user_id: str
    username: str
    application: str
    client_ip: str
    login_id: str
    factor: str


class FraudAlert(Protocol):
    def raised(self, report: FraudReport) -> None:
        """Returns at once and never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Gateways:
    """What there is of them: without calls or texts those factors are not offered."""

    calls: Calls | None = None
    texts: Texts | None = None
    frauds: FraudAlert | None = None

    @property
    def lines(self) -> Lines:
        return Lines(calls=self.calls is not None, sms=self.texts is not None)
