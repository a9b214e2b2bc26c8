"""What users read besides the menu: on appliances, in messages and from the Auth API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from authproxy.model import Ask, Choice, Factor, Typed
from authproxy.secondfactor.reach import Lines

DENIED: Final = "Access denied."
USE_PASSCODE: Final = "Phone calls and SMS are not available. Enter your password, a comma, and a passcode."
APPEND_PASSCODE: Final = "Enter your password, a comma, and a passcode."
SMS_SENT: Final = "SMS passcodes sent. Enter your password, a comma, and the code."
SMS_PROMPT: Final = "SMS passcodes sent."


def said(sentence: str) -> str:
    """Marks what pages show in their reader's language: it has a place in the catalogues."""
    return sentence


def refusal_message(ask: Ask, typed: Typed | None, lines: Lines) -> str:
    """What a refused user reads: it depends on what was typed and on how the section and the service are set up,
    not on the account."""
    match typed:
        case Choice(factor=Factor.PHONE) if not lines.calls:
            return USE_PASSCODE
        case Choice(factor=Factor.SMS) if not lines.sms:
            return USE_PASSCODE
        case Choice(factor=Factor.SMS) if Factor.SMS in ask.factors:
            return SMS_SENT
        case Choice(factor=None) | None if Factor.PUSH not in ask.factors:
            return APPEND_PASSCODE
        case _:
            return DENIED


def passcode_message(template: str, codes: Sequence[str]) -> str:
    """The text message with a batch of codes, which stand where ``template`` has ``{codes}``."""
    return template.replace("{codes}", " ".join(codes))


def number_prompt(label: str, number: str) -> str:
    return f"A push was sent to {label}. Pick {number} there to approve it, then answer here with OK."


def code_prompt(label: str) -> str:
    return f"A push was sent to {label}. Approve it there, then enter the code that it shows."


def enroll_prompt(url: str) -> str:
    return f"Enroll a device to go on: {url}\n\nThen answer here with OK."
