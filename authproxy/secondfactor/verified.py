"""Verified pushes: what the user must carry from one screen to the other. Chance, and nothing else."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from authproxy.secondfactor.policy_merge import Effective
from authproxy.secondfactor.policy_sections import PUSH, VERIFIED_PUSH
from authproxy.secondfactor.pushes import Push, PushMode, Target
from authproxy.secondfactor.reach import Phone

CODE_DIGITS: Final = 4
NONE: Final = "none"
_OPTIONS = 3
_CHANCE = secrets.SystemRandom()


def number_target(phone: Phone) -> Target:
    """The login shows one number, the phone three of which the user picks that one."""
    options = [f"{number:02d}" for number in _CHANCE.sample(range(10, 100), _OPTIONS)]
    return Target(phone.id, phone.label, PushMode.NUMBER, tuple(options), _CHANCE.choice(options))


def code_target(phone: Phone, digits: int = CODE_DIGITS) -> Target:
    """The phone shows a code after approval, which the user types at the login."""
    return Target(phone.id, phone.label, PushMode.CODE, (), new_code(digits))


def target_of(verified_push: str, phone: Phone, digits: int = CODE_DIGITS) -> Target:
    """``verified_push``: ``number`` or ``code``, as a section has it."""
    return number_target(phone) if verified_push == PushMode.NUMBER else code_target(phone, digits)


def mode_of(section: str, can_prompt: bool, policy: Effective) -> str:
    """``none``, ``number`` or ``code``: how a login that has chosen a push asks for it. ``section``: what its
    server section says. Where plain pushes don't count it must be verified, prompt or not."""
    allowed = policy.factors.allowed
    if VERIFIED_PUSH not in allowed:
        return NONE
    if section != NONE:
        return section
    is_wanted = policy.verified_push.is_wanted and can_prompt
    return PushMode.CODE if is_wanted or PUSH not in allowed else NONE


def is_wanted(policy: Effective) -> bool:
    """Whether a client that can show or take a code has to."""
    allowed = policy.factors.allowed
    return VERIFIED_PUSH in allowed and (policy.verified_push.is_wanted or PUSH not in allowed)


def new_code(digits: int = CODE_DIGITS) -> str:
    return f"{_CHANCE.randrange(10**digits):0{digits}d}"


def is_answered(push: Push, reply: str) -> bool:
    """Whether the reply at the login completes an approved push. To a number any reply will do: it was given on
    the phone."""
    if push.mode != PushMode.CODE:
        return True
    given = "".join(reply.split())
    return hmac.compare_digest(given.encode("utf-8", "replace"), push.answer.encode())
