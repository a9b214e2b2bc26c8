"""A form's controls for values of a kind, and what comes back from them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from authproxy.model import JsonValue
from authproxy.secondfactor.policy_kinds import Countries, Networks, PolicyKind, Words
from authproxy.secondfactor.policy_view import typed
from authproxy.secondfactor.setting_kinds import Amount, Flag, Line, Whole, Word
from authproxy.web.pages.form import Form


@dataclass(frozen=True, slots=True)
class Control:
    """``shape``: tick, ticks, choice, area, number or text. ``value``: as typed; of ticks the ticked words."""

    name: str
    label: str
    shape: str
    value: str
    words: Sequence[str] = ()
    ticked: Sequence[str] = ()
    hint: str = ""


def control(name: str, label: str, kind: PolicyKind, value: JsonValue, hint: str = "") -> Control:
    match kind:
        case Flag():
            return Control(name, label, "tick", "1" if value is True else "", hint=hint)
        case Word(words):
            return Control(name, label, "choice", str(value), words, hint=hint)
        case Words(words):
            ticked = [str(each) for each in value] if isinstance(value, list) else []
            return Control(name, label, "ticks", "", words, ticked, hint)
        case Networks() | Countries():
            return Control(name, label, "area", typed(value).replace(", ", "\n"), hint=hint)
        case Line(has_lines=True):
            return Control(name, label, "area", typed(value), hint=hint)
        case Whole() | Amount():
            return Control(name, label, "number", typed(value), hint=hint)
        case _:
            return Control(name, label, "text", typed(value), hint=hint)


def given(form: Form, name: str, kind: PolicyKind) -> object:
    """What the control held when the form was sent."""
    match kind:
        case Flag():
            return form.has(name)
        case Words():
            return form.all(name)
        case _:
            return form.get(name)
