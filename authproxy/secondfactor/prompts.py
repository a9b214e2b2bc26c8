"""What a prompt asked, as it is kept until the answer comes: to JSON and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authproxy.model import Ask, Choice, Factor, JsonValue, Passcode
from authproxy.secondfactor.menu import Option, read_position
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, Phone, reachable
from authproxy.typed import read_factor

APPROVER = "your device"  # what stands for the administrators' approver in a menu


@dataclass(frozen=True, slots=True)
class Picked:
    """A line of the menu. ``phone_id`` is None for the administrators' approver."""

    factor: Factor
    number: int
    phone_id: str | None


@dataclass(frozen=True, slots=True)
class MenuAsked:
    """``lines`` is what was shown, so that a number means that, whatever was changed meanwhile."""

    lines: tuple[Picked, ...]


@dataclass(frozen=True, slots=True)
class ProofAsked:
    """A verified push was sent to ``device``."""

    push_id: str
    device: str


@dataclass(frozen=True, slots=True)
class EnrollAsked:
    """Where to enroll was shown."""


Asked = MenuAsked | ProofAsked | EnrollAsked


@dataclass(frozen=True, slots=True)
class Open:
    """An open prompt. ``count`` prompts were shown in this login so far."""

    ask: Ask
    count: int
    asked: Asked


def to_json(open_: Open) -> dict[str, JsonValue]:
    ask = open_.ask
    values: dict[str, JsonValue] = {
        "factors": [str(factor) for factor in ask.factors],
        "format": ask.prompt_format,
        "can_prompt": ask.can_prompt,
        "can_enroll": ask.can_enroll,
        "verified_push": ask.verified_push,
        "prompts": open_.count,
    }
    match open_.asked:
        case MenuAsked(lines):
            values["menu"] = [[str(line.factor), line.number, line.phone_id] for line in lines]
        case ProofAsked(push_id, device):
            values["push"] = [push_id, device]
        case EnrollAsked():
            values["enroll"] = True
    return values


def from_json(values: Mapping[str, Any]) -> Open:
    factors = tuple(Factor(factor) for factor in values["factors"])
    ask = Ask(None, factors, values["can_prompt"], values["format"], values["can_enroll"], values["verified_push"])
    asked: Asked = EnrollAsked()
    if "menu" in values:
        asked = MenuAsked(
            tuple(Picked(Factor(factor), number, phone_id) for factor, number, phone_id in values["menu"])
        )
    elif "push" in values:
        asked = ProofAsked(*values["push"])
    return Open(ask, values["prompts"], asked)


# ---------------------------------------------------------------- the menu's lines


def menu_lines(
    phones: Sequence[Phone], factors: Sequence[Factor], lines: Lines, has_approver: bool = True
) -> list[tuple[Picked, Phone | None]]:
    """Factor by factor, within each the phones in the user's order. With ``has_approver`` who has no phone for
    pushes, or is not known at all, is offered the administrators' approver."""
    found: list[tuple[Picked, Phone | None]] = []
    for factor in OUT_OF_BAND:
        if factor in factors:
            own = list(reachable(phones, factor, lines))
            found += [(Picked(factor, number, phone.id), phone) for number, phone in enumerate(own, 1)]
            if factor is Factor.PUSH and has_approver and not own:
                found.append((Picked(factor, 1, None), None))
    return found


def option(line: Picked, phone: Phone | None, hint: str = "") -> Option:
    return Option(line.factor, line.number, phone.label if phone else APPROVER, hint)


def read_reply(reply: str, lines: Sequence[Picked]) -> Picked | Choice | Passcode | None:
    """A line's position, a factor's name or a passcode; None if it is nothing of that."""
    position = read_position(reply, len(lines))
    if position is not None:
        return lines[position - 1]
    typed = read_factor(reply.strip())
    return typed if isinstance(typed, Choice | Passcode) else None
