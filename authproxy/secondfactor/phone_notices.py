"""Pushes on their way to phones: open pages are told, closed ones are sent a notification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.secondfactor import phone_jobs
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.secondfactor.pushes import Push, PushStatus
from authproxy.store.writer import Writer

_ACCEPTED = range(200, 300)
_GONE = (404, 410)  # the subscription has ended

_log = Logger()


class Sends(Protocol):
    async def send(self, subscription: str, payload: bytes, seconds: float) -> int:
        """``seconds``: how long it is worth delivering. The push service's HTTP status, 0: none. Takes a while;
        never raises but SecretError and StoreUnavailable."""
        ...


class SendsNotice(Sends, Protocol):
    async def close(self) -> None: ...


class LateSender:
    """Sends with one that is made when the first notice is sent."""

    def __init__(self, make: Callable[[], SendsNotice]) -> None:
        self._make = make
        self._made: SendsNotice | None = None

    async def send(self, subscription: str, payload: bytes, seconds: float) -> int:
        if self._made is None:
            self._made = self._make()
        return await self._made.send(subscription, payload, seconds)

    def close(self) -> Deferred[None]:
        made, self._made = self._made, None
        return Deferred.fromCoroutine(made.close()) if made is not None else succeed(None)


class PhoneNotices:
    """Implements ``Notifies``."""

    def __init__(self, writer: Writer, bus: PhoneBus, sender: Sends | None, now: Callable[[], float]) -> None:
        """``sender``: None: only open pages are told. ``now``: epoch seconds. ``on_brought`` is told of each way
        to a phone: ``open page``, ``accepted`` by its push service, ``gone``, ``failed``, ``no subscription``."""
        self._writer = writer
        self._bus = bus
        self._sender = sender
        self._now = now
        self._under_way: set[Deferred[None]] = set()
        self.on_brought: Callable[[str], None] = _nothing

    def pushed(self, push: Push) -> None:
        phone_id = push.phone_id
        if phone_id is None:
            return
        is_open = self._bus.changed(phone_id)
        if is_open or self._sender is not None:
            self._start(Deferred.fromCoroutine(self._bring(push, phone_id, is_open)))

    def ended(self, push: Push, _status: PushStatus) -> None:
        if push.phone_id is not None:
            self._bus.changed(push.phone_id)

    def stop(self) -> None:
        """Gives up what is under way."""
        for deferred in list(self._under_way):
            deferred.cancel()

    def _start(self, deferred: Deferred[None]) -> None:
        if not deferred.called:
            self._under_way.add(deferred)
        deferred.addBoth(self._done, deferred)

    def _done(self, result: object, deferred: Deferred[None]) -> None:
        self._under_way.discard(deferred)
        error = getattr(result, "value", None)
        if isinstance(error, StoreUnavailable | SecretError):
            _log.error("a push was not brought to its phone: {problem}", problem=str(error))
        elif isinstance(error, Exception) and not isinstance(error, CancelledError):
            _log.failure("a push was not brought to its phone", result)  # type: ignore[arg-type]

    async def _bring(self, push: Push, phone_id: str, is_open: bool) -> None:
        if is_open:
            self.on_brought("open page")
            await self._writer.run(phone_jobs.sent(push.id, self._now()))
        app = await self._writer.run(phone_jobs.finding_by_phone(phone_id))
        if app is None or not app.subscription or self._sender is None:
            if not is_open:
                self.on_brought("no subscription")
            return
        payload = f'{{"push":"{push.id}"}}'.encode()
        status = await self._sender.send(app.subscription, payload, push.expires - self._now())
        self.on_brought(_told(status))
        if status in _ACCEPTED:
            await self._writer.run(phone_jobs.sent(push.id, self._now()))
        elif status in _GONE:
            await self._writer.run(phone_jobs.unsubscribing(phone_id, app.subscription))


def _told(status: int) -> str:
    if status in _ACCEPTED:
        return "accepted"
    return "gone" if status in _GONE else "failed"


def _nothing(how: str) -> None:
    return
