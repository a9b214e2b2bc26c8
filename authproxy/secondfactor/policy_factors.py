"""The factors of policies as logins know them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from authproxy.model import Factor, Reason, Refused
from authproxy.secondfactor.policy_merge import Effective
from authproxy.secondfactor.policy_sections import HARDWARE_TOKEN, PASSCODE, PHONE, PUSH, SMS, VERIFIED_PUSH

ALL_FACTORS: Final = (Factor.PUSH, Factor.PHONE, Factor.SMS, Factor.PASSCODE)
_KINDS: Final = {
    Factor.PUSH: frozenset((PUSH, VERIFIED_PUSH)),
    Factor.PHONE: frozenset((PHONE,)),
    Factor.SMS: frozenset((SMS,)),
    Factor.PASSCODE: frozenset((PASSCODE, HARDWARE_TOKEN, SMS)),
}


def allowed_factors(policy: Effective, factors: Sequence[Factor]) -> tuple[Factor, ...]:
    """Those of ``factors`` that the policy lets count, in their order. Codes may be typed where any kind of them
    counts; which kinds is found out when one is."""
    allowed = policy.factors.allowed
    return tuple(factor for factor in factors if allowed & _KINDS[factor])


def explained(refused: Refused, policy: Effective) -> Refused:
    """A factor that is not allowed, with who decided so if it was a policy."""
    if refused.reason is not Reason.FACTOR_NOT_ALLOWED or not refused.factor:
        return refused
    if allowed_factors(policy, (Factor(refused.factor),)):
        return refused
    return replace(refused, detail=f"{policy.who_decided('factors')} do not include it")
