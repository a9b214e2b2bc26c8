"""What an application's administrator decided about its users: the JSON of ``applications.policy``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from authproxy.model import Factor, JsonValue
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.policy_factors import ALL_FACTORS, allowed_factors
from authproxy.secondfactor.policy_merge import Effective, Layer, Level
from authproxy.secondfactor.policy_sections import (
    BYPASS_CODE,
    HARDWARE_TOKEN,
    PASSCODE,
    PUSH,
    SECTIONS,
    SECURITY_KEY,
    SMS,
    VERIFIED_PUSH,
    Section,
    read_section,
)
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rulebook import Rules
from authproxy.secondfactor.verified import is_wanted

NORMALIZATIONS: Final = ("simple", "none")
NEW_USER_POLICIES: Final = ("deny", "allow", "enroll")
_WORDS: Final = {"push": (PUSH, VERIFIED_PUSH), "passcode": (PASSCODE, HARDWARE_TOKEN, SMS)}
_ALWAYS: Final = (BYPASS_CODE,)
_MOST_DAYS: Final = 365
_VERIFICATIONS: Final = ("preferred", "required", "discouraged")


@dataclass(frozen=True, slots=True)
class ApiPolicy:
    """Keys of the JSON: ``username_normalization`` (simple, none), ``new_user_policy`` (deny, allow, enroll),
    ``factors`` (a list), ``verified_push`` (true: clients that can show a number must have it typed on the phone),
    and for the prompt ``remember_days`` and ``user_verification``. All but the first are a layer among the
    policies, ``own``; ``effective`` is what all of them come to. ``groups``: whose members alone may log in, if
    there are any."""

    username_normalization: str
    own: Layer | None
    effective: Effective
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, application: Application, rules: Rules) -> ApiPolicy:
        """As for a user whom nobody knows."""
        own = own_layer(application.name, application.policy)
        mode = str(application.policy.get("username_normalization") or rules.service.username_normalization)
        return cls(mode, own, rules.effective(application.name, own=own), frozenset(application.groups_allowed))

    def applied(self, effective: Effective) -> ApiPolicy:
        """Now that the user is known."""
        return replace(self, effective=effective)

    @property
    def new_user_policy(self) -> str:
        return self.effective.new_user.behavior

    @property
    def factors(self) -> tuple[Factor, ...]:
        return allowed_factors(self.effective, ALL_FACTORS)

    @property
    def verified_push(self) -> bool:
        return is_wanted(self.effective)


_SECTION_OF: Final = {
    "new_user_policy": "new_user",
    "remember_days": "remembered_devices",
    "user_verification": "security_keys",
}


def own_layer(application: str, policy: Mapping[str, object]) -> Layer | None:
    """What an application's own settings decide: its keys, or sections as policies have them. None: nothing.
    Raises BadValue for what nothing here has stored."""
    sections: dict[str, Section] = {}
    for key, value in policy.items():
        name = _SECTION_OF.get(key, key)
        if name not in SECTIONS:
            continue
        given = value if isinstance(value, Mapping) else _section_of(name, value)
        if given is not None:
            sections[name] = read_section(name, given)
    if not sections:
        return None
    return Layer(Level.OWN, sections, where=f"settings of application {application}")


def _section_of(name: str, value: object) -> dict[str, object] | None:
    match name, value:
        case "new_user", str(behavior):
            return {"behavior": behavior}
        case "verified_push", bool(is_wanted):
            return {"is_wanted": is_wanted}
        case "security_keys", str(verification):
            return {"user_verification": verification}
        case "remembered_devices", int(days):
            return {"days": min(max(days, 0), _MOST_DAYS)}
        case "factors", [_, *_] as names:
            words = [word for name in names for word in _WORDS.get(str(name), (str(name),))]
            return {"allowed": [*words, *_ALWAYS]}
        case _:
            return None


def policy_of(words: Iterable[str]) -> dict[str, JsonValue]:
    """What is typed as ``new_user_policy=allow``, ``factors=push,passcode`` ... Raises BadValue."""
    return dict(_entry(*word.partition("=")[::2]) for word in words)


def _entry(key: str, text: str) -> tuple[str, JsonValue]:
    key, text = key.strip(), text.strip().lower()
    known = {"username_normalization": NORMALIZATIONS, "new_user_policy": NEW_USER_POLICIES}
    if key in known and text in known[key]:
        return key, text
    if key == "verified_push" and text in ("true", "false"):
        return key, text == "true"
    if key == "remember_days" and text.isdecimal() and int(text) <= _MOST_DAYS:
        return key, int(text)
    if key == "user_verification" and text in _VERIFICATIONS:
        return key, text
    names = [name.strip() for name in text.split(",")]
    if key == "factors" and set(names) <= {SECURITY_KEY, *(str(factor) for factor in ALL_FACTORS)}:
        return key, list[JsonValue](names)
    raise BadValue(f"{key}={text} is no policy of an application")
