"""The words between the enrollment page and the service: how far somebody is who follows a link to enroll.

``enroll_desk.EnrollDesk`` implements :class:`EnrollApi`; the pages under ``web/enroll`` only show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Why(StrEnum):
    """Of a link that leads nowhere."""

    BAD_LINK = "bad-link"  # forged, damaged or expired
    EXPIRED = "expired"  # an invitation by mail
    HAS_DEVICE = "has-device"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Beginning:
    """Nothing has been done yet, not even for users whom nobody knows. ``is_invited``: by mail, not after a right
    password."""

    username: str
    is_invited: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """For a phone. ``link``: opened in its browser, or scanned with its camera; ``authenticator``: what the
    privacyIDEA Authenticator scans. Each for ``seconds`` more."""

    username: str
    link: str = field(repr=False)
    authenticator: str = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Testing:
    """A device has taken the link, and is asked for an answer before it counts."""

    username: str


@dataclass(frozen=True, slots=True)
class Done:
    """A phone has answered, and the link is used up."""

    username: str
    is_invited: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    why: Why


Stage = Beginning | Waiting | Testing | Done | Closed


class EnrollApi(Protocol):
    """Every method may raise StoreUnavailable."""

    async def look(self, ticket: str) -> Stage:
        """``ticket``: what the link ends with. Changes nothing."""
        ...

    async def begin(self, ticket: str) -> Stage:
        """Makes the user if there is none, and waits for a phone. One that is being tested is asked again."""
        ...

    def activation_link(self, activation_code: str) -> str | None:
        """What a phone opens for a code of this service's (``duo://CODE-HOST``). None: it is not one."""
        ...
