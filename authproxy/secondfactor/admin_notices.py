"""Mail to administrators: a user's report of fraud, and credits that run out.

It goes where the account's setting ``fraud_email`` says, or else to everybody who may change settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.errors import AuthproxyError
from authproxy.secondfactor.account_settings import AccountSettings
from authproxy.secondfactor.gateways import FraudReport
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.messages import queue_in_writer
from authproxy.secondfactor.roles import Permission, Role, may
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import administrators
from authproxy.store.writer import Writer

_ROLES: Final = frozenset(role.value for role in Role if may(role, Permission.MODIFY_SETTINGS))
_ACTIVE = compiled(
    sa.select(administrators.c.email, administrators.c.role).where(
        administrators.c.status == sa.literal_column("'active'")
    )
)

_log = Logger()


class AdminNotices:
    """Implements ``FraudAlert``."""

    def __init__(self, writer: Writer, mail: Mailroom, account: Callable[[], AccountSettings]) -> None:
        """``account``: its settings now."""
        self._writer = writer
        self._mail = mail
        self._account = account

    def raised(self, report: FraudReport) -> None:
        if self._account().flag("fraud_email_enabled"):
            values = {
                "username": report.username,
                "application": report.application,
                "factor": report.factor,
                "client_ip": report.client_ip,
                "at": self._mail.now(),
                "login_id": report.login_id,
            }
            self._tell("fraud", values, report.user_id)

    def notify_low_credit(self, left: float, threshold: float) -> None:
        """Fewer telephony credits than ``threshold`` are left. Returns at once and never raises."""
        self._tell("low-credit", {"left": f"{left:g}", "threshold": f"{threshold:g}"}, None)

    def _tell(self, name: str, values: Mapping[str, object], user_id: str | None) -> None:
        telling = Deferred.fromCoroutine(self._write(name, values, user_id))
        telling.addErrback(self._failed, name)

    async def _write(self, name: str, values: Mapping[str, object], user_id: str | None) -> None:
        chosen = [each.strip() for each in self._account().text("fraud_email").split(",") if each.strip()]
        drafted = self._mail.draft(name, "", values, user_id=user_id)

        def job(connection: Connection) -> int:
            recipients = chosen or [
                email for email, role in connection.execute(_ACTIVE).fetchall() if role in _ROLES
            ]
            for recipient in recipients:
                draft = replace(drafted, recipient=recipient)
                queue_in_writer(connection, self._mail.seeds, draft, self._mail.now())
            return len(recipients)

        if not await self._writer.run(job):
            _log.warn("there is no administrator to write to about {what}", what=name)

    def _failed(self, failure: Failure, name: str) -> None:
        failure.trap(AuthproxyError)  # type: ignore[no-untyped-call]
        _log.error("no mail about {what}: {why}", what=name, why=failure.getErrorMessage())
