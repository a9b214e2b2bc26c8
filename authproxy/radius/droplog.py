"""Datagrams that get no answer, or only a reject: counted always, logged within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

from authproxy.drops import Drops
from authproxy.metrics import Metrics
from authproxy.model import Reason
from authproxy.radius.clients import plain_address
from authproxy.radius.conversations import Pause

UNKNOWN_CLIENT: Final = "unknown client; is its radius_ip_N missing?"
WRONG_SIGNATURE: Final = "wrong Message-Authenticator; does the shared secret differ?"
UNSIGNED_STATUS: Final = "Status-Server without Message-Authenticator"
UNSIGNED_EAP: Final = "EAP-Message without Message-Authenticator"
NOT_SERVED: Final = "a kind of packet that is not served here"
ACCOUNTING: Final = "accounting is not served here"
NO_ROOM: Final = "too many logins are waiting"
IN_FLIGHT: Final = "retransmission of a login being decided"
CANT_SEND: Final = "the answer can't be sent"
BUG: Final = "internal error"

_log = Logger()
_UNSIGNED = "unsigned requests"
_LOST = "the user's device did not go on"


class DropLog:
    """For one section. ``now`` is a steady clock. Reasons come from a fixed set: they are a metric's labels."""

    def __init__(self, section: str, metrics: Metrics, now: Callable[[], float]) -> None:
        self._section = section
        self._metrics = metrics
        self._now = now
        self._drops = Drops()

    def count(self, reason: str) -> None:
        self._metrics.radius_dropped.labels(self._section, reason).inc()

    def drop(self, host: str, reason: str, is_worth_a_warning: bool = True) -> bool:
        """Counts, and logs it unless that was done within the minute. True when it was logged."""
        self.count(reason)
        noted = self._drops.note(plain_address(host), reason, self._now())
        if noted is None:
            return False
        emit = _log.warn if is_worth_a_warning else _log.debug
        emit(
            "{section}: dropped a datagram from {source}: {reason} ({left_out} more of these before)",
            section=self._section,
            source=noted[0],
            reason=reason,
            left_out=noted[1],
        )
        return True

    def rejected(self, address: str, why: str, login_id: str) -> bool:
        """A request that can only be rejected. True when it was logged."""
        self._metrics.logins.labels(self._section, "reject", Reason.UNSUPPORTED, "").inc()
        noted = self._drops.note(address, why, self._now())
        if noted is None:
            return False
        _log.warn(
            "{section}: rejected a request from {source}: {why} ({left_out} more of these before)",
            section=self._section,
            login=login_id,
            source=noted[0],
            why=why,
            left_out=noted[1],
        )
        return True

    def lost(self, pause: Pause) -> None:
        """A login that was left in the middle: nothing was decided, so no other line would tell."""
        noted = self._drops.note(pause.nas, _LOST, self._now())
        if noted is not None:
            _log.info(
                "{section}: {username} from {source}: the user's device did not go on after {rounds} rounds of"
                " {method}; does it trust the upstream server's certificate? ({left_out} more of these before)",
                section=self._section,
                login=pause.login_id,
                username=pause.username,
                source=noted[0],
                rounds=pause.conversation.rounds,
                method=pause.conversation.method,
                left_out=noted[1],
            )

    def unsigned(self, address: str) -> None:
        """A client, not heard of before, that does not sign its requests."""
        noted = self._drops.note(address, _UNSIGNED, self._now())
        if noted is not None:
            _log.warn(
                "{section}: {source} sends no Message-Authenticator, so answers to it could be forged"
                " (CVE-2024-3596): update it, then set force_message_authenticator=yes",
                section=self._section,
                source=noted[0],
            )
