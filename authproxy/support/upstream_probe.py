"""Reaching the servers of a ``[radius_client]``: Status-Server, or a login that must be refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor

from authproxy.config.settings import RadiusClientSettings, UpstreamHost
from authproxy.errors import PrimaryUnavailable
from authproxy.radius.client import UpstreamClient
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REQUEST,
    STATUS_SERVER,
    USER_NAME,
    USER_PASSWORD,
    attribute,
)
from authproxy.radius.password import hide
from authproxy.radius.pending import Body
from authproxy.support.findings import Findings

PROBE_USER = "authproxy-connectivity-test"


async def probe_upstream(settings: RadiusClientSettings, reactor: Reactor, findings: Findings) -> None:
    for host in settings.hosts:
        await _Asked(settings, host, reactor, findings).run()


class _Asked:
    """One host, asked as the daemon would."""

    def __init__(
        self, settings: RadiusClientSettings, host: UpstreamHost, reactor: Reactor, findings: Findings
    ) -> None:
        self._settings = replace(settings, hosts=(host,), retries=min(settings.retries, 1))
        self._host = f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
        self._reactor = reactor
        self._findings = findings

    async def run(self) -> None:
        tried = f"{self._host}, Status-Server"
        since = self._findings.now()
        answer = await self._ask(STATUS_SERVER, _nothing)
        if isinstance(answer, int):
            self._findings.info(tried, "answered, with the right secret", since)
            return
        if any(word in answer for word in ("secret", "resolved", "can't be reached")):
            self._findings.error(tried, answer, "see host, port and secret", since)
            return
        self._findings.info(tried, "no answer (many servers give none: a login is tried)", since)
        await self._log_in()

    async def _log_in(self) -> None:
        """A made-up user with a password that nobody knows: the answer alone counts."""
        tried = f"{self._host}, a login of {PROBE_USER!r}"
        since = self._findings.now()
        answer = await self._ask(ACCESS_REQUEST, _made_up_login())
        if isinstance(answer, str):
            advice = "see host, port and secret, the server's list of clients, and firewalls"
            self._findings.error(tried, answer, advice, since)
        elif answer == ACCESS_ACCEPT:
            self._findings.warn(
                tried, "Access-Accept for a user who does not exist", "this server lets everybody in", since
            )
        elif answer == ACCESS_CHALLENGE:
            advice = "logins will fail: it must decide by the password alone"
            self._findings.warn(tried, "the server asks for more than a password", advice, since)
        else:
            self._findings.info(tried, "refused, as it should be; the secret is right", since)

    async def _ask(self, code: int, body: Body) -> int | str:
        """The code of the answer, or why there is none."""
        reactor = self._reactor
        client = UpstreamClient(
            self._settings, reactor, reactor, reactor.nameResolver, nas_identifier="authproxy connectivity"
        )
        try:
            return (await client.exchange(code, body)).packet.code
        except PrimaryUnavailable as error:
            return str(error).removeprefix(f"{self._host} ")
        finally:
            client.close()


def _nothing(_secret: bytes, _authenticator: bytes) -> list[bytes]:
    return []


def _made_up_login() -> Callable[[bytes, bytes], list[bytes]]:
    password = secrets.token_urlsafe(24).encode()
    name = attribute(USER_NAME, PROBE_USER.encode())
    return lambda secret, authenticator: [
        name,
        attribute(USER_PASSWORD, hide(password, secret, authenticator)),
    ]
