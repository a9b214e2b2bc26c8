"""The servers of one ``[ad_client]``, and who is asked next when one can't answer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from authproxy.config.settings import AdClientSettings, Transport
from authproxy.deadlines import Deadlines
from authproxy.errors import AuthproxyError, PrimaryUnavailable
from authproxy.ldap.client import ConnectionFailed
from authproxy.ldap.discovery import Discovery, Lookup
from authproxy.ldap.host import DirectoryHost, HostRules, ServiceBind
from authproxy.ldap.service_records import ServiceRecord, in_order
from authproxy.ldap.tls import TlsConnections, TlsRules
from authproxy.metrics_state import SectionState
from authproxy.primary.bind_result import NotJudged
from authproxy.primary.service_account import service_name

T = TypeVar("T")

_log = Logger()


class Hosts:
    """``all`` is in order of preference: as configured, or as the DNS has it."""

    def __init__(
        self,
        settings: AdClientSettings,
        reactor: IReactorTime,
        patience: float,
        service_bind: ServiceBind,
        lookup: Lookup,
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
        self._port = settings.port
        self._deadlines = Deadlines(reactor, patience)
        self._failovers = 0
        self._retired: dict[DirectoryHost, IDelayedCall] = {}
        self.all = [self._make(host, port) for host, port in settings.hosts]
        self._discovery = Discovery(settings.service, lookup, reactor, self._use) if settings.service else None

    def _use(self, records: Sequence[ServiceRecord]) -> None:
        """Servers that are known already keep their connections; those that are gone end what they are at."""
        known = {(host.host, host.port): host for host in self.all}
        self.all = []
        for record in in_order(records, lambda most: random.randint(0, most)):  # noqa: S311
            host, port = record.host, self._port or record.port
            if not any((one.host, one.port) == (host, port) for one in self.all):
                is_known = (host, port) in known
                self.all.append(known.pop((host, port)) if is_known else self._make(host, port))
        for gone in known.values():
            self._retired[gone] = self._clock.callLater(self._timeout, self._end, gone)
        names = ", ".join(host.name for host in self.all)
        _log.info("{section}: directory servers from the DNS: {names}", section=self._rules.section, names=names)

    def _end(self, host: DirectoryHost) -> None:
        del self._retired[host]
        host.close()

    def _make(self, host: str, port: int) -> DirectoryHost:
        is_secure = self._rules.transport is not Transport.CLEAR
        secure = TlsConnections(self._tls, host) if is_secure else None
        return DirectoryHost(self._clock, host, port, self._rules, secure)

    async def first_answer(self, step: Callable[[DirectoryHost], Awaitable[T]]) -> T:
        """What the first host says that can be asked. Raises PrimaryUnavailable."""
        give_up = self._clock.seconds() + self._timeout
        await self.ready()
        problems: list[str] = []
        for host in self.in_order():
            self._failovers += bool(problems)
            try:
                return await self._in_time(host, step)
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

    async def _in_time(self, host: DirectoryHost, step: Callable[[DirectoryHost], Awaitable[T]]) -> T:
        """Each host has its share of the timeout for everything that a login asks of it."""
        began = self._clock.seconds()
        try:
            return await self._deadlines.watch(Deferred.fromCoroutine(_coroutine(step(host))))
        except CancelledError:
            if self._clock.seconds() < began + self._deadlines.seconds:
                raise  # the login as a whole was given up
            host.fell_silent(began)
            raise ConnectionFailed(f"no answer within {self._deadlines.seconds:g} seconds") from None

    async def ready(self) -> None:
        """Raises PrimaryUnavailable while no server is known."""
        if self._discovery is not None:
            try:
                await self._discovery.ready()
            except AuthproxyError as error:
                raise PrimaryUnavailable(str(error)) from error

    def in_order(self) -> Sequence[DirectoryHost]:
        """In the order in which to try them now."""
        hosts = self.all
        if hosts[0].is_up or len(hosts) == 1:
            return hosts
        return sorted(hosts, key=lambda host: not host.is_up)  # a stable sort keeps the order of preference

    def state(self) -> SectionState:
        """For the figures."""
        return SectionState(self._failovers, tuple(host.state() for host in self.all))

    def close(self) -> None:
        if self._discovery is not None:
            self._discovery.close()
        for call in self._retired.values():
            call.cancel()
        for host in self._retired:
            host.close()
        for host in self.all:
            host.close()
        self._deadlines.close()


async def _coroutine(work: Awaitable[T]) -> T:
    return await work
