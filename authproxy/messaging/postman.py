"""Brings queued mail to the mail server, again and again with growing pauses until it is taken or two days old.

A mail is taken out of the queue before it is handed over, so that no other process sends it, too. If the process
dies between the server's answer and the note of it, the mail is sent again later, with the same Message-ID: nobody
can know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.messaging.smtp import Delivers, Delivery, Handed, Refused, Unreachable
from authproxy.secondfactor.outbox import Outgoing

LOOK_SECONDS: Final = 2.0
"""Commands write mail from other processes: nobody tells of it."""
REST_SECONDS: Final = 60.0
"""Between two attempts to reach a server that can't be."""
_LONGEST: Final = 300.0  # seconds for one mail; less than outbox.ATTEMPT_SECONDS

_log = Logger()

T = TypeVar("T")


class Queue(Protocol):
    """``outbox.Outbox``."""

    async def take(self) -> Outgoing | None: ...
    async def sent(self, message_id: str) -> None: ...
    async def put_off(self, mail: Outgoing, problem: str, *, is_final: bool = False) -> None: ...


def _nobody(result: str) -> None:
    pass


class Postman:
    """``on_end`` is told how each attempt went: sent, refused or unreachable."""

    def __init__(self, queue: Queue, server: Delivers, clock: IReactorTime) -> None:
        self._queue = queue
        self._server = server
        self._clock = clock
        self._looking = LoopingCall(self._round)
        self._looking.clock = clock
        self._one_at_a_time = DeferredLock()
        self._rests_until = 0.0
        self._unnoted: set[str] = set()
        self._is_stopped = False
        self._is_down = False
        self.on_end: Callable[[str], None] = _nobody

    @property
    def is_down(self) -> bool:
        """Whether the mail server could not be reached at the last attempt."""
        return self._is_down

    def start(self) -> None:
        self._looking.start(LOOK_SECONDS)

    def stop(self) -> Deferred[None]:
        """Fires when the mail that is being handed over has been."""
        self._is_stopped = True
        if self._looking.running:
            self._looking.stop()
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        async with self._one_at_a_time:
            await self._in_loop(self._server.rest())

    def _round(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._deliver_due())

    async def _deliver_due(self) -> None:
        async with self._one_at_a_time:
            if self._clock.seconds() >= self._rests_until:
                await self._deliver_all()

    async def _deliver_all(self) -> None:
        try:
            has_sent = False
            while not self._is_stopped:
                mail = await self._queue.take()
                if mail is None:
                    break
                has_sent = True
                if not await self._bring(mail):
                    break
            if has_sent:
                await self._in_loop(self._server.rest())
        except (StoreUnavailable, SecretError) as error:
            _log.error("mail: {problem}", problem=str(error))

    async def _bring(self, mail: Outgoing) -> bool:
        """Whether the next one may be tried at once."""
        if mail.id in self._unnoted:  # it is out; only the note of it failed
            await self._note_sent(mail)
            return True
        delivery = await self._handed(mail)
        self._is_down = isinstance(delivery, Unreachable)
        match delivery:
            case Handed():
                self.on_end("sent")
                self._unnoted.add(mail.id)
                _log.info("mail {id} sent", id=mail.id)
                await self._note_sent(mail)
                return True
            case Refused(why, is_final):
                self.on_end("refused")
                _log.error("mail {id} was refused: {why}", id=mail.id, why=why)
                await self._queue.put_off(mail, why, is_final=is_final)
                return True
            case Unreachable(why):
                self.on_end("unreachable")
                _log.error("mail {id} waits: {why}", id=mail.id, why=why)
                self._rests_until = self._clock.seconds() + REST_SECONDS
                await self._queue.put_off(mail, why)
                return False

    async def _note_sent(self, mail: Outgoing) -> None:
        await self._queue.sent(mail.id)
        self._unnoted.discard(mail.id)

    async def _handed(self, mail: Outgoing) -> Delivery:
        async def handing() -> Delivery:
            try:
                return await asyncio.wait_for(self._server.deliver(mail), _LONGEST)
            except TimeoutError:
                return Unreachable(f"the mail server took more than {_LONGEST:g} seconds")

        return await self._in_loop(handing())

    @staticmethod
    def _in_loop(work: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromFuture(asyncio.ensure_future(work))
