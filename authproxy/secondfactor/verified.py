"""Verified pushes: what the user must carry from one screen to the other. Chance, and nothing else."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from authproxy.secondfactor.pushes import Push, PushMode, Target
from authproxy.secondfactor.reach import Phone

CODE_DIGITS: Final = 4
_OPTIONS = 3
_CHANCE = secrets.SystemRandom()


def number_target(phone: Phone) -> Target:
    """The login shows one number, the phone three of which the user picks that one."""
    options = [f"{number:02d}" for number in _CHANCE.sample(range(10, 100), _OPTIONS)]
    return Target(phone.id, phone.label, PushMode.NUMBER, tuple(options), _CHANCE.choice(options))


def code_target(phone: Phone) -> Target:
    """The phone shows a code after approval, which the user types at the login."""
    return Target(phone.id, phone.label, PushMode.CODE, (), new_code())


def target_of(verified_push: str, phone: Phone) -> Target:
    """``verified_push``: ``number`` or ``code``, as a section has it."""
    return number_target(phone) if verified_push == PushMode.NUMBER else code_target(phone)


def new_code() -> str:
    return f"{_CHANCE.randrange(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def is_answered(push: Push, reply: str) -> bool:
    """Whether the reply at the login completes an approved push. To a number any reply will do: it was given on
    the phone."""
    if push.mode != PushMode.CODE:
        return True
    given = "".join(reply.split())
    return hmac.compare_digest(given.encode("utf-8", "replace"), push.answer.encode())
