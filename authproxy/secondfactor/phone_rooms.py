"""The rooms of phones, built and wired once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.threads import deferToThreadPool

from authproxy.config.settings import WebSettings
from authproxy.messaging.webpush_hosts import PushHosts
from authproxy.secondfactor.embedded import Embedded
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.secondfactor.phone_desk import PhoneDesk
from authproxy.secondfactor.phone_notices import LateSender, PhoneNotices
from authproxy.secondfactor.phone_push_key import PushKey
from authproxy.secondfactor.pipush_desk import PipushDesk

if TYPE_CHECKING:
    from authproxy.messaging.webpush import WebPush


@dataclass(frozen=True, slots=True)
class PhoneRooms:
    desk: PhoneDesk
    pipush: PipushDesk
    bus: PhoneBus
    notices: PhoneNotices

    @classmethod
    def open(
        cls, embedded: Embedded, web: WebSettings, reactor: Reactor, closers: list[Callable[[], object]]
    ) -> PhoneRooms:
        """From now on phones are told of pushes. What closes it is added to ``closers``, but for the bus: it ends
        before the listener. Raises ConfigError."""
        writer, seeds, pushes, now = embedded.writer, embedded.seeds, embedded.pushes, time.time
        hosts, key, bus = PushHosts(web.webpush_hosts), PushKey(writer, seeds, web.base_url), PhoneBus()
        location = embedded.locations.place

        def send_with() -> WebPush:
            from authproxy.messaging.webpush import WebPush  # its HTTP client takes 25 MB

            return WebPush(hosts, key.vapid, now)

        sender = LateSender(send_with)
        notices = PhoneNotices(writer, bus, sender, now)
        pushes.tell(notices)
        closers += [sender.close, notices.stop]
        threads = reactor.getThreadPool()
        desk = PhoneDesk(writer, seeds, pushes, bus, hosts, key.public, location, now)
        return cls(
            desk,
            PipushDesk(
                writer,
                seeds,
                pushes,
                web.base_url,
                location,
                lambda make: deferToThreadPool(reactor, threads, make),
                now,
                desk.send_test,
            ),
            bus,
            notices,
        )
