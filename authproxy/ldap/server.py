"""The LDAP front door of one section: its ports, its certificate, how many may come in, and the clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.config.settings import Address, LdapServerSettings
from authproxy.ldap.binds import BindRules
from authproxy.ldap.caller import Caller
from authproxy.ldap.certificate import ServerCertificate
from authproxy.ldap.responses import Code
from authproxy.ldap.section import TOO_MANY, BindFunction, FrontSection
from authproxy.ldap.upstream import Connect
from authproxy.metrics import Metrics
from authproxy.model import Authenticates, Primary

_LOOK_EVERY = 1.0
_DRAIN_SECONDS = 3.0

_log = Logger()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a section's clients are served by; it may change while their connections stay.

    ``connect`` opens a connection to the directory; ``patience``: seconds for its answer to a bind.
    """

    settings: LdapServerSettings
    authenticator: Authenticates
    primary_for: Callable[[BindFunction], Primary]
    connect: Connect
    patience: float
    certificate: ServerCertificate | None

    @classmethod
    def make(
        cls,
        settings: LdapServerSettings,
        authenticator: Authenticates,
        primary_for: Callable[[BindFunction], Primary],
        connect: Connect,
        patience: float = 10.0,
    ) -> Terms:
        """Reads the certificate. Raises ConfigError when it, or an ``exempt_ou``, can't be used."""
        BindRules.of(settings)
        return cls(settings, authenticator, primary_for, connect, patience, _certificate(settings))


class LdapServer:
    """Implements ``front.Front`` for one ``[ldap_server_auto]``."""

    def __init__(self, terms: Terms, metrics: Metrics, clock: IReactorTime) -> None:
        self.clock = clock
        self.callers: set[Caller] = set()
        self._metrics = metrics
        self._by_peer: Counter[str] = Counter()
        self.section = FrontSection(terms.settings, terms.authenticator, terms.primary_for, metrics, clock.seconds)
        self._take(terms)
        self._looking = LoopingCall(self._look_at_clock)
        self._looking.clock = clock
        self._looking.start(_LOOK_EVERY, now=False).addErrback(self._broke)

    def _take(self, terms: Terms) -> None:
        settings = terms.settings
        self._terms = terms
        self.connect = terms.connect
        self.patience = terms.patience
        self.certificate = terms.certificate
        self.network_timeout = settings.network_timeout or math.inf
        self.idle_timeout = settings.idle_timeout or math.inf
        self._most_from_one = settings.max_connections_per_client
        self._balancers = settings.proxy_protocol
        self._metrics.pending.labels(settings.name).set_function(lambda: self.pending)
        self._metrics.ldap_connections.labels(settings.name).set_function(lambda: len(self.callers))

    def change(self, terms: Terms) -> None:
        """Connections stay; a login that is being decided ends as it began; ``terms`` serve what comes next. A
        handshake uses the certificate of the moment."""
        self.section.change(terms.settings, terms.authenticator, terms.primary_for)
        self._take(terms)

    @property
    def pending(self) -> int:
        """How many logins are being decided."""
        return sum(caller.is_login_pending for caller in self.callers)

    # ------------------------------------------------------------ ports

    def entrances(self) -> list[tuple[int, Entrance]]:
        """Its ports: LDAP, and with a certificate LDAPS."""
        settings = self._terms.settings
        entrances = [(settings.port, Entrance(self, is_tls=False))]
        if self.certificate is not None:
            entrances.append((settings.ssl_port, Entrance(self, is_tls=True)))
        return entrances

    def caller(self, host: str, is_tls: bool) -> Caller | None:
        """The conversation with who has just connected; None to hang up at once."""
        peer = _plain(host)
        has_header = bool(self._balancers) and _is_among(peer, self._balancers)
        if len(self.callers) >= self._terms.settings.max_connections:
            self.section.complain(peer, TOO_MANY, TOO_MANY)
            return None
        return Caller(self, peer, is_tls, has_header)

    def admit(self, peer: str) -> bool:
        """Whether one more connection from this address is welcome; it is to be released then."""
        if self._by_peer[peer] >= self._most_from_one:
            self.section.complain(peer, "too many connections from this address", TOO_MANY)
            return False
        self._by_peer[peer] += 1
        return True

    def release(self, peer: str) -> None:
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]

    # ------------------------------------------------------------ the clock

    def _look_at_clock(self) -> None:
        now = self.clock.seconds()
        for caller in list(self.callers):
            caller.look_at_clock(now)

    def _broke(self, failure: Failure) -> None:
        _log.failure("{section}: connections are no longer looked after", failure, section=self.section.name)

    # ------------------------------------------------------------ the end

    def close(self, seconds: float = _DRAIN_SECONDS, *, keeps_idle: bool = False) -> Deferred[None]:
        """What is under way has some seconds to end; everybody is told. The ports are their owner's to close.

        ``keeps_idle``: clients that ask nothing at the moment may stay for that long, too.
        """
        return Deferred.fromCoroutine(self._drain(self.clock.seconds() + seconds, keeps_idle))

    async def _drain(self, give_up: float, keeps_idle: bool) -> None:
        while self.callers and self.clock.seconds() < give_up:
            if not keeps_idle:
                self._dismiss(lambda caller: caller.is_idle)
            await deferLater(self.clock, 0.02 if not keeps_idle else 0.2)
        self._dismiss(lambda _: True)
        await deferLater(self.clock, 0.02)
        for caller in list(self.callers):
            caller.abort()
        if self._looking.running:
            self._looking.stop()

    def _dismiss(self, which: Callable[[Caller], bool]) -> None:
        for caller in list(self.callers):
            if which(caller):
                caller.goodbye(Code.UNAVAILABLE, "the server is shutting down")


class Entrance(ServerFactory):
    """One port."""

    noisy = False

    def __init__(self, server: LdapServer, is_tls: bool) -> None:
        self._server = server
        self._is_tls = is_tls

    def buildProtocol(self, addr: IAddress | None) -> Caller | None:
        return self._server.caller(str(getattr(addr, "host", "")), self._is_tls)


def _certificate(settings: LdapServerSettings) -> ServerCertificate | None:
    if settings.ssl_cert_path is None or settings.ssl_key_path is None:
        return None
    return ServerCertificate(
        settings.ssl_cert_path, settings.ssl_key_path, settings.minimum_tls_version, settings.cipher_list
    )


# ---------------------------------------------------------------- addresses


def _plain(host: str) -> str:
    """``192.0.2.1``, also for ``::ffff:192.0.2.1``."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _is_among(peer: str, spans: tuple[tuple[Address, Address], ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(
        first.version == address.version and int(first) <= int(address) <= int(last) for first, last in spans
    )
