"""The servers of one ``[ad_client]``, and who is asked next when one can't answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from authproxy.config.settings import AdClientSettings, Transport
from authproxy.errors import PrimaryUnavailable
from authproxy.ldap.client import ConnectionFailed
from authproxy.ldap.host import DirectoryHost, HostRules, ServiceBind
from authproxy.ldap.tls import TlsConnections, TlsRules
from authproxy.primary.bind_result import NotJudged
from authproxy.primary.service_account import service_name

T = TypeVar("T")


class Hosts:
    """``all`` is in order of preference."""

    def __init__(
        self, settings: AdClientSettings, reactor: IReactorTime, patience: float, service_bind: ServiceBind
    ) -> None:
        """Raises ConfigError when the certificates or the ciphers can't be used."""
        self._clock = reactor
        self._timeout = settings.timeout
        self._tls = TlsRules(
            settings.ssl_ca_certs_file,
            settings.ssl_verify_hostname,
            settings.minimum_tls_version,
            settings.cipher_list,
        )
        self._rules = HostRules(settings.name, settings.transport, service_bind, service_name(settings), patience)
        self.all = [self._make(host, port) for host, port in settings.hosts]

    def _make(self, host: str, port: int) -> DirectoryHost:
        is_secure = self._rules.transport is not Transport.CLEAR
        secure = TlsConnections(self._tls, host) if is_secure else None
        return DirectoryHost(self._clock, host, port, self._rules, secure)

    async def first_answer(self, step: Callable[[DirectoryHost], Awaitable[T]]) -> T:
        """What the first host says that can be asked. Raises PrimaryUnavailable."""
        give_up = self._clock.seconds() + self._timeout
        problems: list[str] = []
        for host in self.in_order():
            try:
                return await step(host)
            except NotJudged as error:
                problems.append(f"{host.name}: {error}")
                if error.is_busy:
                    host.mark_down(problems[-1])
            except ConnectionFailed as error:
                text = str(error)
                problems.append(text if host.name in text else f"{host.name}: {text}")
            if self._clock.seconds() >= give_up:
                break
        raise PrimaryUnavailable("; ".join(problems))

    def in_order(self) -> Sequence[DirectoryHost]:
        """In the order in which to try them now."""
        hosts = self.all
        if hosts[0].is_up or len(hosts) == 1:
            return hosts
        return sorted(hosts, key=lambda host: not host.is_up)  # a stable sort keeps the order of preference

    def close(self) -> None:
        for host in self.all:
            host.close()
