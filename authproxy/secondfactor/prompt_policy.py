"""What the policy of a user at an application says of the prompt alone: remembered browsers and security keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.secondfactor.policy_gate import Asked, gate
from authproxy.secondfactor.policy_merge import Effective
from authproxy.secondfactor.policy_sections import BYPASS_CODE, SECURITY_KEY
from authproxy.secondfactor.webauthn import UserVerification


@dataclass(frozen=True, slots=True)
class PromptPolicy:
    """``remember_days`` 0: browsers are not remembered; ``is_shared``: they are for all applications that do."""

    remember_days: int
    is_shared: bool
    verification: UserVerification
    takes_keys: bool
    takes_bypass_codes: bool
    has_portal: bool

    @classmethod
    def of(cls, policy: Effective, client_ip: str, country_of: Callable[[str], str]) -> PromptPolicy:
        """Where the user is may mean that no memory stands for a factor."""
        is_required = gate(policy, client_ip, country_of) == Asked(is_required=True)
        allowed = policy.factors.allowed
        return cls(
            0 if is_required else policy.remembered_devices.days,
            policy.remembered_devices.scope == "all",
            UserVerification(policy.security_keys.user_verification),
            SECURITY_KEY in allowed,
            BYPASS_CODE in allowed,
            policy.self_service.portal,
        )
