"""What a policy says of the prompt alone: remembered browsers and security keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.prompt_claims import SECURITY_KEY
from authproxy.secondfactor.webauthn import UserVerification

MOST_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class PromptPolicy:
    """``remember_days`` 0: browsers are not remembered."""

    remember_days: int
    verification: UserVerification
    takes_keys: bool

    @classmethod
    def of(cls, app: Application) -> PromptPolicy:
        """Keys of the application's own: ``remember_days``, ``user_verification`` and ``factors``."""
        days, factors = app.policy.get("remember_days"), app.policy.get("factors")
        verification = str(app.policy.get("user_verification") or "")
        return cls(
            min(days, MOST_DAYS) if isinstance(days, int) and days > 0 else 0,
            UserVerification(verification)
            if verification in tuple(UserVerification)
            else UserVerification.PREFERRED,
            not isinstance(factors, list) or not factors or SECURITY_KEY in factors,
        )
