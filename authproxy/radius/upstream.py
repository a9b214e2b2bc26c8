"""One upstream RADIUS host: asking it, resending, believing or dropping its replies, noticing its death."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet
from twisted.logger import Logger

from authproxy.config.settings import RequireMessageAuthenticator, UpstreamHost
from authproxy.drops import Drops
from authproxy.metrics_state import HostState
from authproxy.radius.health import Health
from authproxy.radius.lane import Lane
from authproxy.radius.lanes import CAPACITY, Lanes
from authproxy.radius.names import HostAddress
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    Packet,
    PacketError,
    encode_request,
    verify_response,
)
from authproxy.radius.pending import NoAnswer, Question, UpstreamReply, Waiting
from authproxy.radius.reply_signing import ReplySigning
from authproxy.radius.seal import Seal

_log = Logger()

_QUARANTINE = 30.0
_ANSWERS = (ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the hosts of one section share. ``nas_attributes``: our own address as the host sees it -> the
    attributes that say who asks. ``count`` is told the reason of every dropped reply (a small fixed set)."""

    section: str
    now: Callable[[], float]
    sockets: IReactorFDSet
    nas_attributes: Callable[[str], list[bytes]]
    signing: RequireMessageAuthenticator
    count: Callable[[str], None]
    resend_later: Callable[[Waiting], None]
    died: Callable[[Upstream], None]


@dataclass(slots=True)
class Counts:
    """What was exchanged with one host since the start."""

    sent: int = 0
    resent: int = 0
    answered: int = 0
    unanswered: int = 0
    late: int = 0  # replies that nobody waits for any more: the server answered a resend too
    dropped: int = 0


class Upstream:
    """``name`` is for people: ``10.0.0.1:1812``."""

    def __init__(self, host: UpstreamHost, address: HostAddress, surroundings: Surroundings) -> None:
        self.name = f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
        self.health = Health(_QUARANTINE)
        self.counts = Counts()
        self._secret = host.secret.reveal_bytes()
        self._around = surroundings
        self._now = surroundings.now
        self._where = address
        self._signing = ReplySigning(surroundings.signing)
        self._lanes = Lanes(surroundings.sockets, host.port, self)
        self._queue: deque[Waiting] = deque()
        self._drops = Drops()

    # ------------------------------------------------------------ asking

    async def ask(self, question: Question) -> UpstreamReply:
        """The verified answer. Cancelling gives the identifier back.

        Raises NoAnswer, or PacketError when the question can't be put into a packet.
        """
        self._lanes.move(await self._find())
        answer: Deferred[Packet] = Deferred(lambda _: waiting.finish())

        def settle(result: Packet | Exception) -> None:
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)

        waiting = Waiting(self, question, self._now(), settle)
        self._queue.append(waiting)
        self._send_queued()
        if not (waiting.sent or waiting.is_settled):
            self._around.resend_later(waiting)
        try:
            packet = await answer
            return UpstreamReply(packet, self.name, Seal(self._secret, waiting.authenticator))
        finally:
            self._lanes.close_idle()
            self._send_queued()

    async def _find(self) -> str:
        asked_at = self._now()
        try:
            return await self._where.get()
        except NoAnswer as error:
            self._found_dead(asked_at, f"can't be asked: {error}")
            raise

    def _send_queued(self) -> None:
        """Sends what waits for an identifier, as far as there are any."""
        queue = self._queue
        while queue:
            if queue[0].is_settled:
                queue.popleft()
                continue
            try:
                lane = self._lanes.with_room()
            except OSError as error:
                self._unreachable(error, [queue.popleft()], is_final=True)
                continue
            if lane is None:
                return
            self._send_first(queue.popleft(), lane)

    def _send_first(self, waiting: Waiting, lane: Lane) -> None:
        assert waiting.body is not None
        waiting.authenticator = authenticator = os.urandom(16)
        waiting.lane = lane
        waiting.identifier = identifier = lane.identifiers.take(waiting)
        try:
            attributes = waiting.body(self._secret, authenticator) + self._around.nas_attributes(lane.own_address)
            waiting.packet = encode_request(waiting.code, identifier, authenticator, attributes, self._secret)
        except PacketError as error:
            waiting.conclude(error)
            return
        self.counts.sent += 1
        self._send(waiting)

    def _send(self, waiting: Waiting) -> None:
        assert waiting.lane is not None
        waiting.sent += 1
        self._around.resend_later(waiting)
        waiting.lane.send(waiting.packet)

    def wait_is_over(self, waiting: Waiting) -> None:
        """Nothing came for ``retry_wait`` seconds: once more, or never."""
        if waiting.sent == 0:
            waiting.conclude(NoAnswer(f"{self.name} has {CAPACITY} requests to answer already"))
        elif waiting.sent < waiting.tries and (waiting.stays_if_dead or not self.health.is_dead):
            self.counts.resent += 1
            self._send(waiting)
        else:
            self._give_up(waiting)

    def _give_up(self, waiting: Waiting) -> None:
        self.counts.unanswered += 1
        why = f"did not answer {waiting.sent} requests in {self._now() - waiting.asked_at:.1f} s"
        if waiting.trouble:
            why = f"{why}; a reply was dropped: {waiting.trouble}{_hint(waiting.trouble)}"
        self._where.failed()
        self._found_dead(waiting.asked_at, why)
        waiting.conclude(NoAnswer(f"{self.name} {why}"))

    def _found_dead(self, asked_at: float, why: str) -> None:
        if self.health.unanswered(asked_at, self._now()):
            section = self._around.section
            _log.warn("{section}: upstream {host} {why}", section=section, host=self.name, why=why)
            self._around.died(self)

    # ------------------------------------------------------------ what comes in by the lanes

    def received(self, lane: Lane, datagram: bytes) -> None:
        waiting = lane.identifiers.find(datagram[1]) if len(datagram) > 1 else None
        if waiting is None:
            self.counts.late += 1
            return
        try:
            packet = self._believed(datagram, waiting)
        except PacketError as error:
            waiting.trouble = str(error)
            self._drop(str(error))
            return
        self.counts.answered += 1
        section = self._around.section
        if self._signing.is_to_be_warned_of(waiting.code, packet):
            _log.warn(
                "{section}: upstream {host} accepts without Message-Authenticator: whoever sits between can forge"
                " its answers (CVE-2024-3596); update that server",
                section=section,
                host=self.name,
            )
        if self.health.answered(self._now()):
            _log.info("{section}: upstream {host} answers again", section=section, host=self.name)
        waiting.conclude(packet)

    def _believed(self, datagram: bytes, waiting: Waiting) -> Packet:
        packet = verify_response(
            datagram, waiting.authenticator, self._secret, must_be_signed=self._signing.is_required
        )
        if packet.code not in _ANSWERS:
            raise PacketError("unexpected code in a reply")
        return packet

    def failed(self, lane: Lane, error: OSError) -> None:
        """The network says that the host or its port can't be reached: those who can ask another host do."""
        self._unreachable(error, lane.identifiers.taken())

    def _unreachable(self, error: OSError, asking: list[Waiting], is_final: bool = False) -> None:
        why = f"can't be reached: {error.strerror}"
        self._found_dead(self._now(), why)
        for waiting in asking:
            waiting.trouble = why
            if is_final or not waiting.stays_if_refused:
                self.counts.unanswered += 1
                waiting.conclude(NoAnswer(f"{self.name} {why}"))

    def _drop(self, reason: str) -> None:
        self.counts.dropped += 1
        self._around.count(reason)
        noted = self._drops.note(self.name, reason, self._now())
        if noted is not None:
            _log.warn(
                "{section}: dropped a reply from upstream {host}: {reason}{hint} ({more} more before)",
                section=self._around.section,
                host=self.name,
                reason=reason,
                hint=_hint(reason),
                more=noted[1],
            )

    # ------------------------------------------------------------ the figures

    def state(self) -> HostState:
        return HostState(self.name, not self.health.is_dead, self.health.deaths, asdict(self.counts))

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """Everybody who waits gets NoAnswer."""
        waiting = [*self._queue, *self._lanes.close()]
        self._queue.clear()
        for one in waiting:
            one.conclude(NoAnswer(f"{self.name} is no longer asked: the service stops or reloads"))


def _hint(reason: str) -> str:
    return " (is the secret right?)" if reason.startswith("wrong") else ""
