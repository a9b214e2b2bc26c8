"""Lockout: after so many wrong passcodes in a row nobody may guess on for a while. Pure."""

from __future__ import annotations

from typing import Final

from authproxy.value import value

UNTIL_UNLOCKED: Final = 253_402_300_799.0  # the year 9999: no clock ends this lockout


@value
class Strikes:
    """A user's wrong passcodes in a row; ``locked_until`` in epoch seconds."""

    failures: int = 0
    locked_until: float | None = None

    def is_locked(self, now: float) -> bool:
        return self.locked_until is not None and now < self.locked_until


@value
class LockoutRule:
    """``after`` wrong codes in a row lock a user out for ``seconds``, or until an administrator unlocks if that is
    0; never if ``after`` is 0."""

    after: int
    seconds: float

    def strike(self, strikes: Strikes, now: float) -> Strikes:
        """One more wrong code. A lockout that is over has wiped the slate."""
        failures = 1 if strikes.locked_until is not None else strikes.failures + 1
        locked = self.after > 0 and failures >= self.after
        until = now + self.seconds if self.seconds else UNTIL_UNLOCKED
        return Strikes(failures, until if locked else None)
