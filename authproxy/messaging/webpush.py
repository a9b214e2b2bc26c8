"""Notifications to browsers that are closed: Web Push (RFC 8030), through the push service of the browser."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from authproxy.messaging.webpush_cipher import encrypt
from authproxy.messaging.webpush_hosts import PushHosts, Subscription
from authproxy.messaging.webpush_vapid import Vapid

TRIES: Final = 3
_WAITS: Final = (1.0, 4.0)  # seconds before the second try, and the third
_LONGEST_WAIT: Final = 10.0
_SECONDS: Final = 10.0  # for one try
_MOST_AT_ONCE: Final = 50
_GONE: Final = (404, 410)
_BUSY: Final = 429

_log = Logger()


class RefusedAddress(OSError):
    """The name leads where no push service is."""


class GuardedResolver(AbstractResolver):
    """Resolves names, and leaves out what must not be connected to."""

    def __init__(self, hosts: PushHosts, names: AbstractResolver | None = None) -> None:
        self._hosts = hosts
        self._names = names or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        allowed = [each for each in found if self._hosts.may_connect(host, each["host"])]
        if not allowed:
            raise RefusedAddress(f"{host} is at no public address")
        return allowed

    async def close(self) -> None:
        await self._names.close()


class WebPush:
    """Sends; the answer is the HTTP status, 0 where there was none."""

    def __init__(
        self,
        hosts: PushHosts,
        vapid: Callable[[], Awaitable[Vapid]],
        now: Callable[[], float],
        tls: ssl.SSLContext | None = None,
        waits: tuple[float, ...] = _WAITS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``now``: epoch seconds. ``tls``: None: whom the operating system trusts. ``waits``: between tries."""
        self._hosts = hosts
        self._vapid = vapid
        self._now = now
        self._tls = tls
        self._waits = waits
        self._chance = chance
        self._session: aiohttp.ClientSession | None = None

    async def send(self, subscription: str, payload: bytes, seconds: float) -> int:
        """``seconds``: how long it is worth delivering; no try begins later. Raises what ``vapid`` raises."""
        try:
            to = self._hosts.read(subscription)
        except ValueError as error:
            _log.warn("web push: a subscription is not used: {why}", why=str(error))
            return 0
        vapid = await self._vapid()
        body = encrypt(payload, to.recipient)
        return await Deferred.fromFuture(
            asyncio.ensure_future(self._tries(to, body, vapid, self._now() + seconds))
        )

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await Deferred.fromFuture(asyncio.ensure_future(session.close()))

    # ------------------------------------------------------------ in asyncio

    async def _tries(self, to: Subscription, body: bytes, vapid: Vapid, until: float) -> int:
        status = 0
        for wait in (*self._waits, 0.0):
            left = until - self._now()
            if left <= 0:
                break
            status, later, problem = await self._try(to, body, vapid, left)
            if problem:
                _log.warn("web push: {host}: {problem}", host=to.host, problem=problem)
            if not (status in (0, _BUSY) or status >= 500):
                break
            pause = min(later or wait * (0.75 + self._chance() / 2), _LONGEST_WAIT)
            if not wait or self._now() + pause >= until:
                break
            await asyncio.sleep(pause)
        return status

    async def _try(self, to: Subscription, body: bytes, vapid: Vapid, left: float) -> tuple[int, float, str]:
        """Status, seconds after which to try again, and what was wrong."""
        headers = {
            "Authorization": vapid.authorization(to.endpoint, self._now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(int(left), 1)),
            "Urgency": "high",
        }
        limits = aiohttp.ClientTimeout(total=min(_SECONDS, left))
        try:
            async with self._opened().post(
                to.endpoint, data=body, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                status, later = response.status, _seconds(response.headers.get("Retry-After", ""))
        except TimeoutError:
            return 0, 0.0, "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, 0.0, str(error) or type(error).__name__
        return status, later, "" if status < 300 or status in _GONE else f"status {status}"

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls: Any = self._tls or True
            connector = aiohttp.TCPConnector(limit=_MOST_AT_ONCE, ssl=tls, resolver=GuardedResolver(self._hosts))
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 5 else 0.0
