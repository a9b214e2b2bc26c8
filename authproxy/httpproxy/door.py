"""``[http_proxy]``: a CONNECT proxy to one host's port 443, for the clients that may use it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from twisted.internet.address import IPv4Address as IPv4Endpoint
from twisted.internet.address import IPv6Address as IPv6Endpoint
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IReactorTCP, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from authproxy.config.settings import HttpProxySettings
from authproxy.drops import Drops
from authproxy.httpproxy.connect import Connect
from authproxy.httpproxy.tunnel import Caller, Far, dial

TLS_PORT = 443
_MOST = 1000
_MOST_PER_CLIENT = 200
_CONNECT_SECONDS = 10.0

_log = Logger()


class HttpProxy(ServerFactory):
    """Takes connections, and tells each what it may do."""

    noisy = False

    def __init__(
        self,
        settings: HttpProxySettings,
        reactor: IReactorTCP,
        clock: IReactorTime,
        most: int = _MOST,
        port: int = TLS_PORT,
    ) -> None:
        """``port``: of the host that may be reached."""
        self._settings = settings
        self._reactor = reactor
        self._clock = clock
        self._most = most
        self._port = port
        self._drops = Drops()
        self._callers: dict[Caller, str] = {}

    @property
    def is_in_use(self) -> bool:
        return bool(self._callers)

    def close(self) -> None:
        """Ends every tunnel."""
        for caller in list(self._callers):
            caller.drop()

    # ------------------------------------------------------------ what callers ask

    def buildProtocol(self, addr: IAddress | None) -> Caller:
        return Caller(self, _plain(addr), self._clock)

    def why_unwelcome(self, address: str) -> str:
        """Empty: it may go on."""
        if not self._may_use(address):
            return "not among client_ip"
        here = sum(other == address for other in self._callers.values())
        if len(self._callers) >= self._most or here >= _MOST_PER_CLIENT:
            return "too many connections"
        return ""

    def is_reachable(self, wanted: Connect) -> bool:
        return (wanted.host, wanted.port) == (self._settings.api_host, self._port)

    async def dial(self, far: Far) -> None:
        """Connects ``far``; raises what Twisted's endpoints raise."""
        endpoint = HostnameEndpoint(self._reactor, self._settings.api_host, self._port, timeout=_CONNECT_SECONDS)
        await dial(endpoint, far)

    def opened(self, caller: Caller, address: str) -> None:
        self._callers[caller] = address

    def closed(self, caller: Caller) -> None:
        self._callers.pop(caller, None)

    def refused(self, address: str, why: str) -> None:
        """Logged once a minute for each client and reason; ``why`` is one of a few fixed texts."""
        noted = self._drops.note(address, why, self._clock.seconds())
        if noted is not None:
            _log.warn(
                "{section}: refused {source}: {why} ({left_out} more of these before)",
                section=self._settings.name,
                source=noted[0],
                why=why,
                left_out=noted[1],
            )

    def _may_use(self, address: str) -> bool:
        spans = self._settings.client_ips
        if not spans:
            return True
        try:
            client = ip_address(address)
        except ValueError:
            return False
        return any(
            first.version == client.version and int(first) <= int(client) <= int(last) for first, last in spans
        )


def _plain(address: IAddress | None) -> str:
    """``192.0.2.1``, also for ``::ffff:192.0.2.1``."""
    if not isinstance(address, IPv4Endpoint | IPv6Endpoint):
        return ""
    host = ip_address(address.host.partition("%")[0])
    mapped = host.ipv4_mapped if isinstance(host, IPv6Address) else None
    return str(mapped or host)
