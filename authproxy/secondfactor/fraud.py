"""What happens when a user reports a login as fraud: log, audit, no browser is remembered any more and, if so
configured, a lockout."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import bindparam
from twisted.logger import Logger

from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note_at
from authproxy.secondfactor.gateways import FraudAlert, FraudReport
from authproxy.secondfactor.lockout import UNTIL_UNLOCKED
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import remembered_browsers, users
from authproxy.store.writer import Writer

_LOCK = compiled(users.update().where(users.c.id == bindparam("user")).values(locked_until=bindparam("until")))
_FORGET = compiled(remembered_browsers.delete().where(remembered_browsers.c.user_id == bindparam("user")))

_log = Logger()


class FraudDesk:
    """Implements ``FraudAlert``. ``others`` are told besides (mail to administrators)."""

    def __init__(
        self, writer: Writer, now: Callable[[], float], locks_user: bool, others: Sequence[FraudAlert] = ()
    ) -> None:
        self._writer = writer
        self._now = now
        self._locks_user = locks_user
        self._others = others

    def raised(self, report: FraudReport) -> None:
        _log.warn(
            "{application}: {username} says that a {factor} was not asked for by them",
            application=report.application,
            username=report.username,
            factor=report.factor,
            login=report.login_id,
        )
        self._writer.run(self._recording(report)).addErrback(
            lambda failure: _log.error("a fraud report was not recorded: {why}", why=failure.getErrorMessage())
        )
        for other in self._others:
            other.raised(report)

    def _recording(self, report: FraudReport) -> Callable[[Connection], None]:
        now, locks = self._now(), self._locks_user
        detail: dict[str, JsonValue] = {
            "application": report.application,
            "client_ip": report.client_ip,
            "login_id": report.login_id,
            "factor": report.factor,
            "locked_out": locks,
        }

        def job(connection: Connection) -> None:
            note_at(connection, now, f"user:{report.username}", "fraud report", report.username, detail)
            connection.execute(_FORGET, {"user": report.user_id})
            if locks:
                connection.execute(_LOCK, {"user": report.user_id, "until": UNTIL_UNLOCKED})

        return job
