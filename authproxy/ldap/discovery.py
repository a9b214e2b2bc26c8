"""Directory servers found through the DNS: SRV records, looked up again when their time is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.names import client, dns
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError, ResolverError
from twisted.python.failure import Failure

from authproxy.errors import AuthproxyError
from authproxy.ldap.service_records import ServiceRecord

_log = Logger()

RESOLV_CONF = Path("/etc/resolv.conf")
_DNS_PORT = 53
_TRIES = (1, 2, 3)  # seconds to wait for each
_SHORTEST, _LONGEST = 60.0, 3600.0  # seconds that records are believed
_AFTER_FAILURE = 30.0


class NotFound(AuthproxyError):
    """The DNS knows no such service, or does not answer."""


class Found(NamedTuple):
    """``ttl`` in seconds."""

    records: Sequence[ServiceRecord]
    ttl: float


Lookup = Callable[[str], Awaitable[Found]]
"""Asks the DNS for a service. Raises NotFound."""


class Discovery:
    """Tells ``use`` which servers there are, at first and whenever that changes. What was found is used until
    something else is, also while the DNS is down."""

    def __init__(
        self, name: str, lookup: Lookup, clock: IReactorTime, use: Callable[[Sequence[ServiceRecord]], None]
    ) -> None:
        self._name = name
        self._lookup = lookup
        self._clock = clock
        self._use = use
        self._known: frozenset[ServiceRecord] = frozenset()
        self._waiting: list[Deferred[None]] | None = None
        self._next: IDelayedCall | None = None
        self._is_closed = False

    def ready(self) -> Deferred[None]:
        """Fires when servers are known. Fails with NotFound."""
        result: Deferred[None] = Deferred(lambda given_up: self._forget(given_up))
        if self._known:
            result.callback(None)
        elif self._waiting is not None:
            self._waiting.append(result)
        else:
            self._waiting = [result]
            self._look_up()
        return result

    def close(self) -> None:
        self._is_closed = True
        self._cancel_next()

    def _forget(self, waiting: Deferred[None]) -> None:
        if self._waiting is not None and waiting in self._waiting:
            self._waiting.remove(waiting)

    def _look_up(self) -> None:
        self._cancel_next()
        Deferred.fromCoroutine(self._ask()).addBoth(self._asked)

    def _cancel_next(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    async def _ask(self) -> float:
        """When to ask again, in seconds."""
        found = await self._lookup(self._name)
        if not any(record.host for record in found.records):
            raise NotFound(f"the DNS says that there is no {self._name}")
        records = frozenset(found.records)
        if records != self._known:
            self._known = records
            self._use(found.records)
        return min(max(found.ttl, _SHORTEST), _LONGEST)

    def _asked(self, result: float | Failure) -> None:
        waiting, self._waiting = self._waiting or [], None
        again = _AFTER_FAILURE
        if not isinstance(result, Failure):
            again = result
        elif self._known:
            _log.warn(
                "{name}: {problem}; the servers known so far are used", name=self._name, problem=result.value
            )
        for each in waiting:
            if isinstance(result, Failure):
                each.errback(result)
            else:
                each.callback(None)
        if self._known and not self._is_closed:
            self._next = self._clock.callLater(again, self._look_up)


# ---------------------------------------------------------------- asking the DNS


def system_lookup(reactor: IReactorTime, resolv_conf: Path = RESOLV_CONF) -> Lookup:
    """Asks the name servers of ``resolv_conf``, which is read each time."""
    return lambda name: ask_servers(name, name_servers(resolv_conf), reactor)


def name_servers(resolv_conf: Path) -> list[tuple[str, int]]:
    """As resolver(5) has it: the ``nameserver`` lines, or this host."""
    try:
        lines = resolv_conf.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    servers = [(parts[1], _DNS_PORT) for parts in words if len(parts) > 1 and parts[0] == "nameserver"]
    return servers or [("127.0.0.1", _DNS_PORT)]


async def ask_servers(name: str, servers: Sequence[tuple[str, int]], reactor: IReactorTime) -> Found:
    """Raises NotFound."""
    resolver = client.Resolver(servers=list(servers), timeout=_TRIES, reactor=reactor)  # type: ignore[no-untyped-call]
    try:
        answers, _authority, _additional = await resolver.lookupService(name, _TRIES)  # type: ignore[no-untyped-call]
    except (DNSNameError, DomainError) as error:
        raise NotFound(f"the DNS knows no {name} ({type(error).__name__})") from error
    except (DNSQueryTimeoutError, DeferredTimeout, ResolverError, OSError) as error:
        asked = ", ".join(host for host, _port in servers)
        raise NotFound(f"no name server answers for {name} (asked: {asked})") from error
    finally:
        for connection in list(resolver.connections):
            connection.transport.loseConnection()
    found = [answer for answer in answers if answer.type == dns.SRV]
    records = [_record(answer.payload) for answer in found]
    return Found(records, min((answer.ttl for answer in found), default=0))


def _record(payload: dns.Record_SRV) -> ServiceRecord:
    host = payload.target.name.decode("ascii", "replace").rstrip(".").lower()
    return ServiceRecord(payload.priority, payload.weight, payload.port, host)
