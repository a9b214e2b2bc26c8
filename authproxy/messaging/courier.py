"""Brings requests to the gateway, and again only those that surely had no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from authproxy.apiclient.envelope import Outage
from authproxy.apiclient.messages import HttpReply, HttpRequest
from authproxy.messaging.gateway import NotTaken, without_numbers

# Not handled (RFC 6585 4, RFC 9110 15.6.4). Other errors may come from behind something that was already done.
_NOT_HANDLED = (429, 503)
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


class SendsHttp(Protocol):
    async def send(self, request: HttpRequest, seconds: float) -> HttpReply | Outage: ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """``url`` is encoded."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Courier:
    """``peers``: who speaks with which ``scheme://host[:port]``."""

    def __init__(
        self,
        peers: Mapping[str, SendsHttp],
        clock: IReactorTime,
        chance: Callable[[], float],
        seconds: float,
        retries: int,
    ) -> None:
        """``seconds``: for each try. ``chance``: 0 to 1."""
        self._peers = peers
        self._clock = clock
        self._chance = chance
        self._seconds = seconds
        self._retries = retries

    async def bring(self, parcel: Parcel) -> HttpReply | NotTaken:
        """Whatever status the gateway answers with. Never raises."""
        parts = urlsplit(parcel.url)
        request = HttpRequest(parcel.method, parts.path or "/", parts.query, parcel.headers, parcel.body)
        peer = self._peers[origin_of(parcel.url)]
        reply = await peer.send(request, self._seconds)
        for tries in range(1, self._retries + 1):
            if not _had_no_effect(reply):
                break
            await deferLater(self._clock, self._pause(reply, tries))
            reply = await peer.send(request, self._seconds)
        match reply:
            case Outage(why, was_sent):
                return NotTaken(without_numbers(why), is_sure=not was_sent)
            case HttpReply():
                return reply

    def _pause(self, reply: HttpReply | Outage, tries: int) -> float:
        wanted = reply.retry_after if isinstance(reply, HttpReply) else ""
        if wanted.isascii() and wanted.isdigit() and len(wanted) < 4:
            return min(float(wanted), _LONGEST_PAUSE)
        return min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE) * (1 + self._chance() / 2)


def _had_no_effect(reply: HttpReply | Outage) -> bool:
    return not reply.was_sent if isinstance(reply, Outage) else reply.status in _NOT_HANDLED


def origin_of(url: str) -> str:
    """``scheme://host[:port]``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
