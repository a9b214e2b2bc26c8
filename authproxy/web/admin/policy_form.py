"""A policy as a form: a part for each section, and what comes back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authproxy.secondfactor.policies import Given
from authproxy.secondfactor.policy_sections import SECTIONS, Sections
from authproxy.web.admin.controls import Control, control, given
from authproxy.web.pages.catalogue import _
from authproxy.web.pages.form import Form

_NAMED: Final = {
    "new_user": _("New users"),
    "authentication": _("Authentication"),
    "factors": _("Factors"),
    "verified_push": _("Verified push"),
    "remembered_devices": _("Remembered devices"),
    "trusted_networks": _("Trusted networks"),
    "user_location": _("Countries"),
    "security_keys": _("Security keys"),
    "self_service": _("Self-service"),
    "lockout": _("Lockout"),
}
TITLES: Final = {name: _NAMED.get(name, name.replace("_", " ").capitalize()) for name in SECTIONS}


@dataclass(frozen=True, slots=True)
class SectionForm:
    """``is_decided``: whether the policy has it."""

    name: str
    title: str
    is_decided: bool
    controls: tuple[Control, ...]


def sections_of(decided: Sections) -> list[SectionForm]:
    found = []
    for name, fields in SECTIONS.items():
        section = decided.get(name, {})
        controls = (
            control(f"{name}.{key}", field.about, field.kind, section.get(key, field.default), f"{name}.{key}")
            for key, field in fields.items()
        )
        found.append(SectionForm(name, TITLES[name], name in decided, tuple(controls)))
    return found


def sections_typed(form: Form) -> list[SectionForm]:
    """What was typed, though it can't be."""
    found = []
    for name, fields in SECTIONS.items():
        controls = []
        for key, field in fields.items():
            path = f"{name}.{key}"
            typed = given(form, path, field.kind)
            value = list(typed) if isinstance(typed, list) else typed if isinstance(typed, bool) else str(typed)
            controls.append(control(path, field.about, field.kind, value, path))
        found.append(SectionForm(name, TITLES[name], form.has(f"has.{name}"), tuple(controls)))
    return found


def wanted_by(form: Form) -> Given:
    return {
        name: {key: given(form, f"{name}.{key}", field.kind) for key, field in fields.items()}
        for name, fields in SECTIONS.items()
        if form.has(f"has.{name}")
    }
