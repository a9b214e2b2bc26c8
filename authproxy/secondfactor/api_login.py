"""What a call of the Auth API asks for, resolved for one user: a passcode to try, or a phone to reach."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from authproxy.model import AUTO, Choice, Factor, Passcode, Reason, Refused
from authproxy.secondfactor.authapi import AuthCall, BadParameter
from authproxy.secondfactor.prompts import Picked
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, Phone, can
from authproxy.secondfactor.resolution import Reached, resolve
from authproxy.secondfactor.wording import DENIED
from authproxy.typed import read_factor

_LONGEST_CODE = 128
_LONGEST_PUSHINFO = 20_000
_ANY_DEVICE = ("", "auto")
_VERIFIED = "verified_"


@dataclass(frozen=True, slots=True)
class Wanted:
    """``choice`` is None when ``code`` is to be tried, or when neither was given: ``is_word`` says that a user
    typed it, so that what can't be is a refusal, not an error. ``device``: an ID, or empty for any."""

    choice: Choice | None = None
    code: str = field(default="", repr=False)
    device: str = ""
    is_word: bool = False


def wanted(call: AuthCall) -> Wanted:
    """Raises BadParameter."""
    if sum(len(key) + len(value) for key, value in call.pushinfo.items()) > _LONGEST_PUSHINFO:
        raise BadParameter("pushinfo")
    match call.factor:
        case "passcode":
            code = _code(call.passcode)
            if not code:
                raise BadParameter("passcode")
            return Wanted(code=code)
        case "prompt":
            return _word(call.word)
        case "auto":
            return Wanted(AUTO, device=_device(call))
        case "push" | "phone" | "sms":
            return Wanted(Choice(Factor(call.factor)), device=_device(call))
        case _:
            raise BadParameter("factor")


def _word(text: str) -> Wanted:
    """What a user typed at a text prompt. Clients send what is no word of the menu as it was typed."""
    typed = read_factor(text.strip().lower().removeprefix(_VERIFIED))
    match typed:
        case Choice():
            return Wanted(typed, is_word=True)
        case Passcode(code):
            return Wanted(code=code, is_word=True)
        case None:
            return Wanted(is_word=True)


def _code(text: str) -> str:
    return "".join(text.split()).lower()[:_LONGEST_CODE]


def _device(call: AuthCall) -> str:
    return "" if call.device in _ANY_DEVICE else call.device


def reach(asked: Wanted, phones: Sequence[Phone], factors: Sequence[Factor], lines: Lines) -> Reached | Refused:
    """The phone that is meant. Raises BadParameter for a device that is none of the user's, or can't do it."""
    assert asked.choice is not None
    choice: Choice | Picked = asked.choice
    if asked.device:
        choice = _on_device(asked, phones, factors, lines)
    reached = resolve(choice, phones, factors, lines, DENIED, has_approver=False)
    is_unable = isinstance(reached, Refused) and reached.reason is not Reason.FACTOR_NOT_ALLOWED
    if is_unable and not asked.is_word:
        raise BadParameter("no capable device")
    return reached


def _on_device(asked: Wanted, phones: Sequence[Phone], factors: Sequence[Factor], lines: Lines) -> Picked:
    phone = next((each for each in phones if each.id == asked.device), None)
    if phone is None:
        raise BadParameter("device")
    assert asked.choice is not None
    factor = asked.choice.factor
    if factor is None:
        automatic = (each for each in OUT_OF_BAND[:2] if each in factors and can(phone, each, lines))
        factor = next(automatic, None)
    if factor is None:
        raise BadParameter("no capable device")
    return Picked(factor, 1, phone.id)


def push_detail(call: AuthCall) -> dict[str, str]:
    """What the phone shows besides, as the application said it."""
    named = {
        "type": call.type,
        "display_username": call.display_username,
        "hostname": call.hostname,
        "pushinfo": json.dumps(dict(call.pushinfo)) if call.pushinfo else "",
    }
    return {key: value for key, value in named.items() if value}
