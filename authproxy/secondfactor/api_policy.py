"""What an application's administrator decided about its users: the JSON of ``applications.policy``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authproxy.config.settings import ServiceSettings
from authproxy.model import Factor
from authproxy.secondfactor.authapi import Application

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
