"""Pure decisions of one server section: who is exempt, which factors, and what to do when nobody answers."""

from __future__ import annotations

from authproxy.model import Ask, Choice, Factor, Identity, Passcode, Reason, Typed
from authproxy.value import value


@value
class Rules:
    """What a section's administrator decided. ``factors`` is in order of preference."""

    factors: tuple[Factor, ...] = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)
    exempt_usernames: frozenset[str] = frozenset()  # casefolded
    can_prompt: bool = False
    prompt_format: str = "long"
    must_type_factor: bool = False
    is_fail_open: bool = False
    can_enroll: bool = False
    verified_push: str = "none"


@value
class Exempt:
    """Primary authentication is enough for this user."""

    why: str


@value
class Forbidden:
    """No second factor can make this login good."""

    reason: Reason
    detail: str = ""


def is_factor_missing(rules: Rules, typed: Typed | None) -> bool:
    """Whether the login can be refused before the password is checked: nothing was typed that had to be."""
    return rules.must_type_factor and typed is None


def decide(rules: Rules, who: Identity, username: str, typed: Typed | None) -> Exempt | Forbidden | Ask:
    """What follows a right password. ``username`` is the name as typed."""
    if who.exempt:
        return Exempt(who.exempt)
    exempt = rules.exempt_usernames
    if exempt and not who.doubt and (who.username.casefold() in exempt or username.casefold() in exempt):
        return Exempt("exempt_username")
    if not is_allowed(rules.factors, typed):
        return Forbidden(Reason.FACTOR_NOT_ALLOWED, "the section's factors do not include it")
    return Ask(
        typed,
        allowed_factors(rules.factors),
        rules.can_prompt,
        rules.prompt_format,
        rules.can_enroll,
        rules.verified_push,
    )


def is_allowed(factors: tuple[Factor, ...], typed: Typed | None) -> bool:
    match typed:
        case Choice(factor=Factor() as factor):
            return factor in allowed_factors(factors)
        case Passcode() | Choice() | None:  # a bypass code is a passcode too: the second factor tells them apart
            return True


def allowed_factors(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """SMS is a way to get a passcode, so it comes, last, wherever passcodes may be typed."""
    if Factor.PASSCODE in factors and Factor.SMS not in factors:
        return (*factors, Factor.SMS)
    return factors
