"""What a choice comes to for one user: which phone is reached how, or why none is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from authproxy.model import Choice, Factor, Reason, Refused
from authproxy.secondfactor.prompts import Picked
from authproxy.secondfactor.reach import Lines, Phone, can, first_choice, pick, reachable


@dataclass(frozen=True, slots=True)
class Reached:
    """Without a phone a push goes to the administrators' approver."""

    factor: Factor
    phone: Phone | None


def resolve(
    wanted: Picked | Choice,
    phones: Sequence[Phone],
    factors: Sequence[Factor],
    lines: Lines,
    message: str,
    has_approver: bool = True,
) -> Reached | Refused:
    """``message``: what a refused user reads. ``has_approver``: users without a phone for pushes can be pushed."""
    has_approver = has_approver and not any(reachable(phones, Factor.PUSH, lines))
    choice = wanted
    if isinstance(choice, Choice) and choice.factor is None:
        choice = first_choice(phones, factors, lines) or (Choice(Factor.PUSH) if has_approver else choice)
        if choice.factor not in factors:
            return Refused(Reason.NO_PASSCODE, message, detail="no allowed factor works without being typed")
    factor = choice.factor
    assert factor is not None
    if factor not in factors:
        return Refused(Reason.FACTOR_NOT_ALLOWED, message, factor, "the section's factors do not include it")
    phone = _phone(choice, phones, lines)
    if phone is not None:
        return Reached(factor, phone)
    if factor is Factor.PUSH and has_approver and choice.number == 1:
        return Reached(factor, None)
    return Refused(Reason.FACTOR_NOT_AVAILABLE, message, factor, _why(choice, factor, phones, lines))


def _phone(choice: Picked | Choice, phones: Sequence[Phone], lines: Lines) -> Phone | None:
    if isinstance(choice, Choice):
        return pick(phones, choice, lines)
    return next((each for each in phones if each.id == choice.phone_id and can(each, choice.factor, lines)), None)


def _why(choice: Picked | Choice, factor: Factor, phones: Sequence[Phone], lines: Lines) -> str:
    if (factor is Factor.PHONE and not lines.calls) or (factor is Factor.SMS and not lines.sms):
        return f"{factor}: the service has no gateway for it"
    count = sum(1 for _ in reachable(phones, factor, lines))
    number = choice.number if choice.number > 1 else ""
    return f"{factor}{number}: the user has {count} phone{'' if count == 1 else 's'} for it"
