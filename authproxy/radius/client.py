"""Asks upstream RADIUS servers: the hosts of one ``[radius_client]`` section, with resends and failover."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, ip_address

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHostnameResolver, IReactorFDSet, IReactorTime
from twisted.logger import Logger

from authproxy.config.settings import Address, RadiusClientSettings, RequireMessageAuthenticator
from authproxy.errors import PrimaryUnavailable
from authproxy.metrics_state import SectionState
from authproxy.radius.health import Turn, turns
from authproxy.radius.names import HostAddress
from authproxy.radius.packet import (
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    STATUS_SERVER,
    attribute,
)
from authproxy.radius.pending import Body, NoAnswer, Question, Resends, UpstreamReply, Waiting
from authproxy.radius.upstream import Surroundings, Upstream

_log = Logger()


class UpstreamClient:
    """One section's upstream hosts.

    A request is sent ``1 + retries`` times, ``retry_wait`` seconds apart, to each host in turn: the same bytes
    each time, so that the server sees a duplicate and not a second login. So an answer, or PrimaryUnavailable,
    comes within ``hosts * (1 + retries) * retry_wait`` seconds (twice that when no name is resolved yet). A
    host that gave no answer is asked last until it answers a Status-Server (RFC 5997; sent after 1, 2, 4 and
    then every 10 seconds) or a login that tries it once every 30 seconds.

    Replies must come from the host's address and port, carry the request's identifier and a right Response
    Authenticator, and a right Message-Authenticator if any. ``signing`` says whether there must be one: YES, NO,
    or AUTO, the default: not until the host has sent one, always from then on (FreeRADIUS before 3.2.5 and
    others send none; their accepts are believed, with one warning per host).

    In the service ``clock`` and ``sockets`` are the reactor, ``names`` its ``nameResolver``. ``count`` is told the
    reason of every dropped reply (a small fixed set).
    """

    def __init__(
        self,
        settings: RadiusClientSettings,
        clock: IReactorTime,
        sockets: IReactorFDSet,
        names: IHostnameResolver,
        *,
        nas_identifier: str = "authproxy",
        signing: RequireMessageAuthenticator = RequireMessageAuthenticator.AUTO,
        count: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._tries = 1 + settings.retries
        self._clock = clock
        self._resends = Resends(settings.retry_wait)
        self._timer: IDelayedCall | None = None
        self._probes: dict[Upstream, IDelayedCall] = {}
        self._is_closed = False
        self._failovers = 0
        surroundings = Surroundings(
            section=settings.name,
            now=clock.seconds,
            sockets=sockets,
            nas_attributes=_NasAttributes(settings.nas_ip, nas_identifier),
            signing=signing,
            count=count,
            resend_later=self._resend_later,
            died=self._probe_later,
        )
        patience = self._tries * settings.retry_wait
        self.upstreams = tuple(
            Upstream(host, HostAddress(host.host, clock, names, patience), surroundings) for host in settings.hosts
        )
        self._health = [upstream.health for upstream in self.upstreams]

    async def exchange(self, code: int, body: Body, host: str = "") -> UpstreamReply:
        """The verified answer of the first host that gives one: Access-Accept, -Reject or -Challenge. With
        ``host`` that one alone is asked: it has given an earlier answer and knows what this is about.

        ``body`` is called once for each host that is asked. Raises PrimaryUnavailable when none answered,
        PacketError when what ``body`` gives can't be put into a packet. May be cancelled.
        """
        problems: list[str] = []
        for turn in self._turns(host):
            if self._is_closed:
                break
            self._failovers += bool(problems)
            question = Question(code, body, turn.tries, turn.stays_if_dead, turn.stays_if_refused)
            try:
                return await self.upstreams[turn.index].ask(question)
            except NoAnswer as problem:
                problems.append(str(problem))
        raise PrimaryUnavailable("; ".join(problems) or "the upstream servers are no longer asked")

    def state(self) -> SectionState:
        """For the figures."""
        return SectionState(self._failovers, tuple(upstream.state() for upstream in self.upstreams))

    def _turns(self, host: str) -> list[Turn]:
        if not host:
            return turns(self._health, self._tries, self._clock.seconds())
        upstreams = enumerate(self.upstreams)
        return [Turn(index, self._tries, True, True) for index, upstream in upstreams if upstream.name == host]

    def close(self) -> None:
        """Everybody who waits gets PrimaryUnavailable; sockets are closed."""
        self._is_closed = True
        for call in (self._timer, *self._probes.values()):
            if call is not None and call.active():
                call.cancel()
        self._probes.clear()
        for upstream in self.upstreams:
            upstream.close()

    # ------------------------------------------------------------ time

    def _resend_later(self, waiting: Waiting) -> None:
        self._resends.add(waiting, self._clock.seconds())
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        due = self._resends.next_due()
        if due is not None and not self._is_closed:
            self._timer = self._clock.callLater(max(due - self._clock.seconds(), 0.0), self._tick)

    def _tick(self) -> None:
        self._timer = None
        for waiting in self._resends.expire(self._clock.seconds()):
            if not waiting.is_settled:  # one that ended may have ended others
                waiting.owner.wait_is_over(waiting)
        if self._timer is None:
            self._arm()

    # ------------------------------------------------------------ recovery

    def _probe_later(self, upstream: Upstream) -> None:
        if not self._is_closed and upstream not in self._probes:
            delay = upstream.health.next_probe()
            self._probes[upstream] = self._clock.callLater(delay, self._probe, upstream)

    def _probe(self, upstream: Upstream) -> None:
        del self._probes[upstream]
        if upstream.health.is_dead:
            asking = Deferred.fromCoroutine(self._ask_status(upstream))
            asking.addErrback(lambda failure: _log.failure("probing {host}", failure, host=upstream.name))

    async def _ask_status(self, upstream: Upstream) -> None:
        with suppress(NoAnswer):
            await upstream.ask(Question(STATUS_SERVER, _nothing, tries=1))
        if upstream.health.is_dead:
            self._probe_later(upstream)


def _nothing(_secret: bytes, _authenticator: bytes) -> list[bytes]:
    return []


class _NasAttributes:
    """Who asks: ``nas_ip``, or else our address as the host sees it; and our name."""

    def __init__(self, nas_ip: Address | None, identifier: str) -> None:
        self._nas_ip = _address_attribute(nas_ip) if nas_ip is not None else None
        self._identifier = attribute(NAS_IDENTIFIER, identifier.encode()[:253])
        self._of_own: dict[str, bytes] = {}

    def __call__(self, own_address: str) -> list[bytes]:
        if self._nas_ip is not None:
            return [self._nas_ip, self._identifier]
        known = self._of_own.get(own_address)
        if known is None:
            known = self._of_own[own_address] = _address_attribute(ip_address(own_address))
        return [known, self._identifier]


def _address_attribute(address: Address) -> bytes:
    """NAS-IP-Address, or NAS-IPv6-Address (RFC 3162 2.1)."""
    type_ = NAS_IP_ADDRESS if isinstance(address, IPv4Address) else NAS_IPV6_ADDRESS
    return attribute(type_, address.packed)
