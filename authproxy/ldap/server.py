"""The LDAP front door of one section: its ports, its certificate, how many may come in, and the clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTCP, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.config.settings import Address, LdapServerSettings
from authproxy.errors import ConfigError
from authproxy.ldap.caller import Caller
from authproxy.ldap.certificate import ServerCertificate
from authproxy.ldap.responses import Code
from authproxy.ldap.section import TOO_MANY, BindFunction, FrontSection
from authproxy.ldap.upstream import Connect
from authproxy.metrics import Metrics
from authproxy.model import Authenticates, Primary

_LOOK_EVERY = 1.0
_DRAIN_SECONDS = 3.0
_BACKLOG = 1024

_log = Logger()


class LdapServer:
    """Implements ``front.Front`` for one ``[ldap_server_auto]``."""

    def __init__(
        self,
        settings: LdapServerSettings,
        authenticator: Authenticates,
        primary_for: Callable[[BindFunction], Primary],
        connect: Connect,
        metrics: Metrics,
        clock: IReactorTime,
        patience: float = 10.0,
    ) -> None:
        """``connect`` opens a connection to the directory; ``patience``: seconds for its answer to a bind.

        Raises ConfigError when the certificate can't be used.
        """
        self.section = FrontSection(settings, authenticator, primary_for, metrics, clock.seconds)
        self.connect = connect
        self.clock = clock
        self.patience = patience
        self.network_timeout = settings.network_timeout or math.inf
        self.idle_timeout = settings.idle_timeout or math.inf
        self.certificate = _certificate(settings)
        self.callers: set[Caller] = set()
        self._settings = settings
        self._most_from_one = settings.max_connections_per_client
        self._balancers = settings.proxy_protocol
        self._by_peer: Counter[str] = Counter()
        self._looking = LoopingCall(self._look_at_clock)
        self._looking.clock = clock
        self._looking.start(_LOOK_EVERY, now=False).addErrback(self._broke)
        metrics.pending.labels(settings.name).set_function(lambda: self.pending)
        metrics.ldap_connections.labels(settings.name).set_function(lambda: len(self.callers))

    @property
    def pending(self) -> int:
        """How many logins are being decided."""
        return sum(caller.is_login_pending for caller in self.callers)

    # ------------------------------------------------------------ ports

    def listen(self, reactor: IReactorTCP) -> list[IListeningPort]:
        """Opens LDAP, and with a certificate LDAPS. Raises ConfigError when a port can't be had."""
        settings = self._settings
        ports = [_listen(reactor, Entrance(self, is_tls=False), settings.interface, settings.port)]
        if self.certificate is not None:
            ports.append(_listen(reactor, Entrance(self, is_tls=True), settings.interface, settings.ssl_port))
        return ports

    def caller(self, host: str, is_tls: bool) -> Caller | None:
        """The conversation with who has just connected; None to hang up at once."""
        peer = _plain(host)
        has_header = bool(self._balancers) and _is_among(peer, self._balancers)
        if len(self.callers) >= self._settings.max_connections:
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

    # ------------------------------------------------------------ reload, stop

    def reload(self) -> None:
        """Loads the certificate anew; connections that are open keep theirs. Raises ConfigError: nothing
        has changed then."""
        if self.certificate is not None:
            self.certificate.reload()

    def close(self) -> Deferred[None]:
        """What is under way may end for a few seconds; everybody is told. The ports are their owner's to close."""
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        give_up = self.clock.seconds() + _DRAIN_SECONDS
        while self.callers and self.clock.seconds() < give_up:
            self._dismiss(lambda caller: caller.is_idle)
            await deferLater(self.clock, 0.02)
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


class Entrance(Factory):
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


def _listen(reactor: IReactorTCP, factory: Factory, interface: str, port: int) -> IListeningPort:
    """On every address of both families if ``interface`` is empty and the host has IPv6."""
    for address in (interface,) if interface else ("::", "0.0.0.0"):  # noqa: S104
        try:
            return reactor.listenTCP(port, factory, _BACKLOG, address)  # type: ignore[arg-type]
        except CannotListenError as error:
            failure = error
    raise ConfigError(
        f"can't listen on {interface or 'every address'} port {port}/tcp: {failure.socketError}; is another LDAP"
        " server running, is the port below 1024 (needs root or CAP_NET_BIND_SERVICE), is interface= right?"
    ) from failure


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
