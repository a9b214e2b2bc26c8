"""The text of a challenge, and what the user's answer to it means. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from authproxy.model import Choice, Factor, Passcode, Typed
from authproxy.typed import read_factor

_LONG = {Factor.PUSH: "Push to {}", Factor.PHONE: "Phone call to {}", Factor.SMS: "SMS passcodes to {}"}


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the menu. ``number`` counts the user's devices for this factor; ``device`` is its name;
    ``next_digit`` how the next SMS passcode on it begins, if one is open."""

    factor: Factor
    number: int
    device: str
    next_digit: str = ""

    def typed(self) -> Choice:
        return Choice(self.factor, self.number)


def menu_text(username: str, options: Sequence[Option], takes_passcode: bool, prompt_format: str = "long") -> str:
    """What to show. ``prompt_format``: ``long``, or ``short`` for appliances with little room."""
    if prompt_format == "short":
        return _short(options, takes_passcode)
    header = f"Two-factor login for {_printable(username)}"
    if not options:
        return f"{header}\n\nEnter a passcode"
    asked = "Enter a passcode or select" if takes_passcode else "Select"
    lines = [f" {n}. {_line(option)}" for n, option in enumerate(options, 1)]
    last = f"{'Passcode or option' if takes_passcode else 'Option'} (1-{len(options)})"
    return "\n".join([header, "", f"{asked} one of the following options:", "", *lines, "", last])


def _line(option: Option) -> str:
    hint = f" (next code starts with: {option.next_digit})" if option.next_digit else ""
    return _LONG[option.factor].format(_printable(option.device)) + hint


def _short(options: Sequence[Option], takes_passcode: bool) -> str:
    words = ["Passcode"] if takes_passcode or not options else []
    words += [
        f"{n}={option.factor}{option.number if option.number > 1 else ''}" for n, option in enumerate(options, 1)
    ]
    return " or ".join(words)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:64])


def read_answer(reply: str, options: Sequence[Option]) -> Typed | None:
    """An option's number, a factor's name or a passcode; None if it is nothing of that."""
    position = read_position(reply, len(options))
    if position is not None:
        return options[position - 1].typed()
    typed = read_factor(reply.strip())
    if isinstance(typed, Choice | Passcode):
        return typed
    return None


def read_position(reply: str, count: int) -> int | None:
    """Which of ``count`` lines, from 1; None if it is the number of none."""
    word = reply.strip()
    if not (word.isascii() and word.isdigit() and len(word) <= 2):
        return None
    return int(word) if 1 <= int(word) <= count else None
