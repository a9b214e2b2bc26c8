"""One HTTPS host: requests over connections that are kept and reused, directly or through a CONNECT proxy.

aiohttp lives in the same loop as Twisted. Its sessions can only be made once the loop runs, so that is done with
the first request.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
from twisted.internet.defer import CancelledError, Deferred
from yarl import URL

from authproxy import __version__
from authproxy.apiclient.envelope import Outage
from authproxy.apiclient.messages import HttpReply, HttpRequest
from authproxy.errors import ConfigError

T = TypeVar("T")

LARGEST_BODY: Final = 256 * 1024
_MOST_QUESTIONS, _MOST_POLLS = 200, 2000  # connections at a time; each takes a file descriptor
_KEEP_IDLE = 15.0
_LONGEST_CONNECT = 10.0
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)


@dataclass(frozen=True, slots=True)
class HttpsHost:
    """Where it is and how to get there. ``authorities``: PEM file of those trusted; None: those of the operating
    system. ``proxy``: host and port of an HTTP proxy that can CONNECT. ``scheme``: http is for what stands on the
    same host or network, if its administrator says so."""

    host: str
    port: int = 443
    authorities: Path | None = None
    proxy: tuple[str, int] | None = None
    scheme: str = "https"


class HttpsPeer:
    """Sends requests to one host. Certificates are verified and must name the host; TLS 1.2 is the oldest."""

    def __init__(self, host: HttpsHost, most: int = _MOST_QUESTIONS) -> None:
        """``most``: requests at a time, but for polls. Raises ConfigError when the file of authorities can't be
        used."""
        self._host = host
        self._most = most
        self._going_on = 0  # requests, but for polls
        self._answered = 0
        self._proxy = URL.build(scheme="http", host=host.proxy[0], port=host.proxy[1]) if host.proxy else None
        self._tls = _tls_context(host.authorities)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._is_closed = False

    async def send(self, request: HttpRequest, seconds: float) -> HttpReply | Outage:
        """Never takes longer than about ``seconds``. Cancel the Deferred of the caller to give up."""
        return await _on_loop(self._send(request, seconds))

    async def close(self) -> None:
        self._is_closed = True
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await _on_loop(session.close())

    # ------------------------------------------------------------ in asyncio

    async def _send(self, request: HttpRequest, seconds: float) -> HttpReply | Outage:
        if self._is_closed:
            return Outage("authproxy is stopping", was_sent=False, is_ours=True)
        answered = self._answered
        self._going_on += not request.is_poll
        try:
            return await self._exchange(request, seconds)
        except _NEVER_SENT as error:
            is_ours = _has_no_room(error) or self._is_crowded(error, answered)
            return Outage(_explained(error), was_sent=False, is_ours=is_ours)
        except TimeoutError:
            return Outage(f"no answer in {seconds:.0f} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outage(f"no sound answer: {_explained(error)}")
        finally:
            self._going_on -= not request.is_poll

    def _is_crowded(self, error: Exception, answered: int) -> bool:
        """Whether it may have waited in vain for one of our connections, to a service that goes on answering."""
        is_late = isinstance(error, aiohttp.ConnectionTimeoutError)
        return is_late and self._going_on > self._most and self._answered > answered

    async def _exchange(self, request: HttpRequest, seconds: float) -> HttpReply | Outage:
        url = URL.build(
            scheme=self._host.scheme,
            host=self._host.host,
            port=self._host.port,
            path=request.path,
            query_string=request.query,
            encoded=True,
        )
        limits = aiohttp.ClientTimeout(total=seconds, connect=min(_LONGEST_CONNECT, seconds * 0.75))
        async with self._session(request.is_poll).request(
            request.method,
            url,
            data=request.body or None,
            headers=request.headers,
            timeout=limits,
            proxy=self._proxy,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > LARGEST_BODY:
                    return Outage(f"an answer of more than {LARGEST_BODY} bytes")
            self._answered += 1
            return HttpReply(response.status, bytes(body), response.headers.get("Retry-After", ""))

    def _session(self, is_poll: bool) -> aiohttp.ClientSession:
        session = self._sessions.get(is_poll)
        if session is None:
            connector = aiohttp.TCPConnector(
                limit=_most_polls() if is_poll else self._most, ssl=self._tls, keepalive_timeout=_KEEP_IDLE
            )
            session = self._sessions[is_poll] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"authproxy/{__version__}", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return session


def _tls_context(authorities: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"can't use the certificates in http_ca_certs_file {authorities}: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _most_polls() -> int:
    """Half of the files that this process may open are left for the other rooms."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_POLLS if soft == resource.RLIM_INFINITY else min(_MOST_POLLS, soft // 2)


def _has_no_room(error: Exception) -> bool:
    """Whether this host was out of files or memory. A resolver that could not open its files says something else,
    so it is also tried."""
    if getattr(error, "errno", 0) in _NO_ROOM:
        return True
    try:
        socket.socket().close()
    except OSError:
        return True
    return False


def _explained(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            problem = error.certificate_error
            why = getattr(problem, "verify_message", "") or str(problem)
            return f"the certificate is not to be trusted: {why}; if it is right, see http_ca_certs_file"
        case aiohttp.ClientHttpProxyError():
            return f"the HTTP proxy refused: status {error.status}"
        case aiohttp.ClientProxyConnectionError():
            return f"can't reach the HTTP proxy: {error.os_error.strerror or error.os_error}"
        case aiohttp.ClientConnectorError():
            return f"can't connect: {error.os_error.strerror or error.os_error}"
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case aiohttp.ClientPayloadError():
            return "the answer was cut off"
    return str(error) or type(error).__name__


async def _on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Awaits asyncio's ``work`` in Twisted's coroutine; being cancelled comes out as Twisted says it."""
    try:
        return await Deferred.fromFuture(asyncio.ensure_future(work))
    except asyncio.CancelledError:
        raise CancelledError from None
