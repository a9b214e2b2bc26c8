"""What an application's administrator decided about its users: the JSON of ``applications.policy``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from authproxy.config.settings import ServiceSettings
from authproxy.model import Factor, JsonValue
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.refusals import BadValue

NORMALIZATIONS: Final = ("simple", "none")
NEW_USER_POLICIES: Final = ("deny", "allow", "enroll")
ALL_FACTORS: Final = (Factor.PUSH, Factor.PHONE, Factor.SMS, Factor.PASSCODE)


@dataclass(frozen=True, slots=True)
class ApiPolicy:
    """Keys of the JSON: ``username_normalization`` (simple, none), ``new_user_policy`` (deny, allow, enroll),
    ``factors`` (a list) and ``verified_push`` (true: clients that can show a number must have it typed on the
    phone). What is missing is as in ``[service]``; every factor is allowed and pushes are plain."""

    username_normalization: str
    new_user_policy: str
    factors: tuple[Factor, ...]
    verified_push: bool

    @classmethod
    def of(cls, application: Application, settings: ServiceSettings) -> ApiPolicy:
        policy = application.policy
        named = policy.get("factors")
        allowed = named if isinstance(named, list) else []
        return cls(
            str(policy.get("username_normalization") or settings.username_normalization),
            str(policy.get("new_user_policy") or settings.new_user_policy),
            tuple(factor for factor in ALL_FACTORS if str(factor) in allowed) or ALL_FACTORS,
            policy.get("verified_push") is True,
        )


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
    names = [name.strip() for name in text.split(",")]
    if key == "factors" and set(names) <= {str(factor) for factor in ALL_FACTORS}:
        return key, list[JsonValue](names)
    raise BadValue(f"{key}={text} is no policy of an application")
