"""One directory server: a service connection for searches, a pool for user binds, and whether it's up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.config.settings import Transport
from authproxy.ldap import logon_failure, messages
from authproxy.ldap.client import ConnectionDied, ConnectionFailed, LdapConnection, LdapConnectionFactory
from authproxy.ldap.connect_problem import ServiceBindRefused, explain
from authproxy.ldap.pool import BindPool
from authproxy.ldap.responses import Code
from authproxy.ldap.sasl import Mechanism
from authproxy.ldap.sealed import SealedBinds
from authproxy.ldap.session import Answer
from authproxy.ldap.tls import TlsConnections
from authproxy.ldap.whereabouts import endpoint_of
from authproxy.metrics_state import HostState

_log = Logger()

_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0
_COMPLAIN_EVERY = 60.0


ServiceBind = Callable[[LdapConnection, str], Awaitable[Answer]]
"""Binds a connection to the named host as the service account."""


@dataclass(frozen=True, slots=True)
class HostRules:
    """What the hosts of one section have in common. ``patience`` is seconds for each operation."""

    section: str
    transport: Transport
    service_bind: ServiceBind
    service_name: str
    patience: float
    pool_size: int = 32


class DirectoryHost:
    """``is_up`` is what was found last; a host that is down is tried in the background until it's back."""

    def __init__(
        self, reactor: IReactorTime, host: str, port: int, rules: HostRules, secure: TlsConnections | None
    ):
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.is_up = True
        self.host, self.port = host, port
        self._clock = reactor
        self._rules = rules
        self._endpoint = endpoint_of(reactor, host, port, rules.patience)
        self._factory = LdapConnectionFactory(reactor, rules.patience, rules.transport, secure)
        self._service: LdapConnection | None = None
        self._service_waiters: list[Deferred[LdapConnection]] | None = None
        self._pool = BindPool(rules.pool_size, self._connect)
        self._sealed = SealedBinds(rules.pool_size, self._connect)
        self._retry: IDelayedCall | None = None
        self._delay = _FIRST_RETRY
        self._refused: tuple[float, ServiceBindRefused] | None = None
        self._complained = -_COMPLAIN_EVERY
        self._opening: set[Deferred[LdapConnection]] = set()
        self._is_closed = False
        self._failures = 0
        self._secure = secure

    def state(self) -> HostState:
        """For the figures."""
        expires = self._secure.expires if self._secure else None
        connections = {**self._pool.connections, "service": int(self._service is not None)}
        return HostState(
            self.name,
            self.is_up,
            self._failures,
            connections=connections,
            waiting=self._pool.waiting,
            expires=expires,
        )

    # ------------------------------------------------------------ operations

    async def search(self, operation: bytes) -> Answer:
        """On the service connection; asked once more if that breaks before the answer. Raises ConnectionFailed."""
        try:
            return await self._search(operation)
        except ConnectionDied:
            return await self._search(operation)

    def _search(self, operation: bytes) -> Deferred[Answer]:
        service = self._service
        if service is not None:
            return service.ask(operation, messages.SEARCH_DONE)
        return self.service().addCallback(lambda opened: opened.ask(operation, messages.SEARCH_DONE))

    def bind(self, operation: bytes) -> Deferred[Answer]:
        """On a connection of the pool. Fails with ConnectionFailed."""
        return self._pool.bind(operation)

    async def sealed_bind(self, mechanism: Mechanism) -> Answer:
        """On a connection of its own, which the server has to seal. Raises ConnectionFailed."""
        return await self._sealed.bind(mechanism)

    def connect(self) -> Deferred[LdapConnection]:
        """A connection of the caller's own, bound as nobody. Fails with ConnectionFailed."""
        return self._connect()

    def service(self) -> Deferred[LdapConnection]:
        """The service connection, opened and bound when it isn't yet. Fails with ConnectionFailed."""
        waiting: Deferred[LdapConnection] = Deferred()
        if self._service is not None:
            waiting.callback(self._service)
        elif self._refused is not None and self._clock.seconds() < self._refused[0]:
            waiting.errback(self._refused[1])  # trying again and again would lock the account
        elif self._service_waiters is not None:
            self._service_waiters.append(waiting)
        else:
            self._service_waiters = [waiting]
            opening = self._start(self._open_service())
            opening.addCallbacks(self._service_opened, self._service_failed)
        return waiting

    # ------------------------------------------------------------ opening

    def _connect(self) -> Deferred[LdapConnection]:
        return self._start(self._open())

    def _start(self, work: object) -> Deferred[LdapConnection]:
        opening: Deferred[LdapConnection] = Deferred.fromCoroutine(work)  # type: ignore[arg-type]
        self._opening.add(opening)

        def ended(result: LdapConnection | Failure) -> LdapConnection | Failure:
            self._opening.discard(opening)
            if isinstance(result, Failure):
                problem = explain(result, self.name, self._rules.patience)
                return Failure(problem)  # type: ignore[no-untyped-call]
            return result

        opening.addTimeout(self._rules.patience, self._clock)
        opening.addBoth(ended)
        return opening

    async def _open(self) -> LdapConnection:
        connection: LdapConnection = await self._endpoint.connect(self._factory)  # type: ignore[assignment]
        return await connection.opened

    async def _open_service(self) -> LdapConnection:
        connection = await self._open()
        try:
            answer = await self._rules.service_bind(connection, self.host)
        except CancelledError:
            connection.abort("the service bind took too long")
            raise
        if answer.result.code != Code.SUCCESS:
            connection.close()
            raise self._bind_refused(answer)
        return connection

    def _bind_refused(self, answer: Answer) -> ConnectionFailed:
        why = answer.result.explain()
        if answer.result.code in (Code.BUSY, Code.UNAVAILABLE):
            return ConnectionFailed(f"{self.name}: {why}")
        why += logon_failure.remedy(answer.result)
        return ServiceBindRefused(
            f"{self.name}: the bind as service account {self._rules.service_name!r} failed: {why}; "
            "check service_account_username, service_account_password and bind_dn"
        )

    def _service_opened(self, connection: LdapConnection) -> None:
        waiters, self._service_waiters = self._service_waiters or [], None
        if self._is_closed:
            connection.close()
        elif connection.is_open:
            self._service = connection
            connection.on_lost = self._service_lost
            self.mark_up()
        for waiting in waiters:
            if not waiting.called:
                waiting.callback(connection)

    def _service_failed(self, failure: Failure) -> None:
        waiters, self._service_waiters = self._service_waiters or [], None
        error = failure.value
        assert isinstance(error, ConnectionFailed)
        if isinstance(error, ServiceBindRefused):
            self._refused = (self._clock.seconds() + _LAST_RETRY - 1, error)
            self._delay = _LAST_RETRY
        self.mark_down(str(error))
        for waiting in waiters:
            if not waiting.called:
                waiting.errback(error)

    def _service_lost(self, connection: LdapConnection) -> None:
        """A server may close what is idle: the next search opens it anew. One that fell silent is down."""
        if self._service is connection:
            self._service = None
        if connection.is_silent and not self._is_closed:
            why = f"{self.name}: no answer within {self._rules.patience:g} seconds"
            self.mark_down(why)
            self._pool.close(why)

    # ------------------------------------------------------------ up and down

    def mark_up(self) -> None:
        if not self.is_up:
            _log.info("{section}: {host} is back", section=self._rules.section, host=self.name)
        self.is_up = True
        self._delay = _FIRST_RETRY
        self._refused = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def mark_down(self, why: str) -> None:
        """The next hosts come first until this one is back. Says so at most once a minute."""
        self._failures += self.is_up
        self.is_up = False
        if self._is_closed:
            return
        now = self._clock.seconds()
        if now - self._complained >= _COMPLAIN_EVERY:
            self._complained = now
            _log.warn("{section}: directory is down: {problem}", section=self._rules.section, problem=why)
        if self._retry is None:
            self._retry = self._clock.callLater(self._delay, self._try_again)
            self._delay = min(self._delay * 2, _LAST_RETRY)

    def _try_again(self) -> None:
        self._retry = None
        if self._service is not None:  # it was busy, not gone
            self.mark_up()
            return
        self.service().addErrback(_ignore)  # it has been said, and the next try is scheduled

    def fell_silent(self, since: float) -> None:
        """For who waited in vain from then on. If nobody heard anything from this host meanwhile, it is down: all
        who wait for it are told, and turn elsewhere."""
        if self._factory.pulse.last > since or self._is_closed:
            return
        why = f"{self.name}: no answer within {self._rules.patience:g} seconds"
        self.mark_down(why)
        self.drop_service(why)
        self._pool.close(why)

    def drop_service(self, why: str) -> None:
        """For a service connection that turns out to be unusable; the next search opens another."""
        if self._service is not None:
            self._service.abort(why)

    def close(self) -> None:
        """Ends everything; operations that wait fail."""
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for opening in list(self._opening):
            opening.cancel()
        if self._service is not None:
            self._service.close()
        self._pool.shut()
        self._sealed.shut()


def _ignore(failure: Failure) -> None:
    failure.trap(ConnectionFailed)  # type: ignore[no-untyped-call]
