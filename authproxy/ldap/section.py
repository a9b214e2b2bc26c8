"""What the conversations of one ``[ldap_server_auto]`` have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from authproxy.config.settings import LdapServerSettings
from authproxy.drops import Drops
from authproxy.ldap.binds import BindRules
from authproxy.ldap.login import Refusals
from authproxy.ldap.responses import Code, Result
from authproxy.metrics import Metrics
from authproxy.model import Authenticates, Primary

BindFunction = Callable[[bytes, bytes], Awaitable[Result]]
"""Binds a client's own connection with a name and a password."""

MALFORMED = "malformed"
UNREACHABLE = "directory unreachable"
TOO_MANY = "too many connections"
HANDSHAKE = "no TLS handshake in time"
STALLED = "client does not read"

_log = Logger()


class FrontSection:
    """Rules, who decides logins, and what is logged within bounds."""

    def __init__(
        self,
        settings: LdapServerSettings,
        authenticator: Authenticates,
        primary_for: Callable[[BindFunction], Primary],
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        """``primary_for``: who checks a password with a given way to bind. Raises ConfigError."""
        self.now = now
        self.refusals = Refusals()
        self._dropped = metrics.ldap_dropped
        self._drops = Drops()
        self.change(settings, authenticator, primary_for)

    def change(
        self,
        settings: LdapServerSettings,
        authenticator: Authenticates,
        primary_for: Callable[[BindFunction], Primary],
    ) -> None:
        """What counts for requests that are still to come, on connections that are open, too."""
        self.rules = BindRules.of(settings)
        self.name = settings.name
        self.authenticator = authenticator
        self.primary_for = primary_for
        self.may_search_after_bind = settings.allow_searches_after_bind
        self.has_certificate = settings.ssl_cert_path is not None

    def complain(self, peer: str, problem: str, kind: str = MALFORMED) -> None:
        """A client that was sent away; logged once per minute for each address and kind."""
        self._dropped.labels(self.name, kind).inc()
        noted = self._drops.note(peer, kind, self.now())
        if noted is not None:
            _log.warn(
                "{section}: {client} was disconnected: {problem} ({left_out} more of these before)",
                section=self.name, client=noted[0], problem=problem, left_out=noted[1],
            )  # fmt: skip

    def log_unreachable(self, peer: str, error: Exception) -> None:
        self._dropped.labels(self.name, UNREACHABLE).inc()
        noted = self._drops.note("", UNREACHABLE, self.now())
        if noted is not None:
            _log.error(
                "{section}: no directory for {client}: {problem} ({left_out} more of these before)",
                section=self.name, client=peer, problem=str(error), left_out=noted[1],
            )  # fmt: skip

    def log_exempt(self, peer: str, name: str, why: str, result: Result) -> None:
        """A bind that the directory decided alone: administrators want to see whose."""
        is_in = result.code == Code.SUCCESS
        _log.info(
            "{section}: {name} from {client}: {outcome} without a second factor ({why})",
            section=self.name, name=name, client=peer, why=why,
            outcome="bound" if is_in else f"not bound, {result.explain()},",
        )  # fmt: skip
