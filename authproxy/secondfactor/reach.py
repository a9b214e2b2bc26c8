"""Which of a user's phones can be reached how, and what ``push2`` or ``phone3`` therefore means. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from authproxy.model import Choice, Factor

_MASKED_DIGITS = 4
OUT_OF_BAND = (Factor.PUSH, Factor.PHONE, Factor.SMS)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a user. ``number`` is E.164, or empty for a tablet; ``app`` is how it takes pushes (``web``,
    ``pipush``), or empty when it was never activated. The delays are seconds of a call: until the extension is
    dialed, and until the message is spoken."""

    id: str
    name: str
    number: str = field(repr=False)
    extension: str
    type: str
    platform: str
    app: str
    predelay: int | None = None
    postdelay: int | None = None

    @property
    def label(self) -> str:
        """How it is shown to its user: never more of a number than its last digits."""
        return masked(self.number) if self.number else self.name or "your device"

    @property
    def called(self) -> str:
        """The same where there is room for the name that its user gave it."""
        return self.name or self.label


@dataclass(frozen=True, slots=True)
class Lines:
    """What the service itself can do: whether calls and SMS have a gateway."""

    calls: bool = False
    sms: bool = False


def masked(number: str) -> str:
    """``+15555550100`` as ``XXX-XXX-0100``: for people and logs."""
    return f"XXX-XXX-{number[-_MASKED_DIGITS:]}" if number else ""


def can(phone: Phone, factor: Factor, lines: Lines) -> bool:
    match factor:
        case Factor.PUSH:
            return bool(phone.app)
        case Factor.PHONE:
            return lines.calls and bool(phone.number)
        case Factor.SMS:
            return lines.sms and bool(phone.number) and phone.type != "landline"
        case _:
            return False


def reachable(phones: Sequence[Phone], factor: Factor, lines: Lines) -> Iterator[Phone]:
    """Those that a factor reaches, in the user's order: the second of them is ``push2``, ``phone2`` ..."""
    return (phone for phone in phones if can(phone, factor, lines))


def pick(phones: Sequence[Phone], choice: Choice, lines: Lines) -> Phone | None:
    """The phone that a choice with a factor names; None when the user has no such one."""
    assert choice.factor is not None
    capable = list(reachable(phones, choice.factor, lines))
    return capable[choice.number - 1] if 1 <= choice.number <= len(capable) else None


def first_choice(phones: Sequence[Phone], factors: Sequence[Factor], lines: Lines) -> Choice | None:
    """What ``auto`` comes to: the first allowed factor that reaches a phone without anything being typed."""
    for factor in factors:
        if factor in (Factor.PUSH, Factor.PHONE) and any(reachable(phones, factor, lines)):
            return Choice(factor)
    return None
