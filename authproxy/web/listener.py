"""The web side's port: HTTPS in the process's own event loop, and a stop that takes a few seconds at most."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from asyncio import sslproto
from typing import Final

from starlette.types import ASGIApp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from uvicorn.config import Config
from uvicorn.server import ServerState

from authproxy.errors import ConfigError
from authproxy.tcp import BACKLOG
from authproxy.web.addresses import Addresses
from authproxy.web.certificate import WebCertificate
from authproxy.web.protocol import GuardedProtocol
from authproxy.web.source import Sources

MOST_OF_ONE_ADDRESS: Final = 500  # connections
STOP_SECONDS: Final = 3.0  # for what is being answered
_HANDSHAKE_SECONDS: Final = 10.0
_KEEP_ALIVE_SECONDS: Final = 75
_MOST_CONNECTIONS: Final = 10_000  # a phone that is open holds one
_TLS_BUFFER: Final = 1024  # bytes that each connection keeps for reading; asyncio's 256 KB are too many for phones
_LOOK_EVERY: Final = 60.0

_log = Logger()


class WebListener:
    """Accepts from ``opened`` once :meth:`start` has run; until then clients wait in its queue."""

    def __init__(
        self,
        app: ASGIApp,
        certificate: WebCertificate,
        opened: socket.socket,
        sources: Sources,
        clock: IReactorTime,
    ) -> None:
        self.port: int = opened.getsockname()[1]
        self._socket = opened
        self._certificate = certificate
        self._addresses = Addresses(MOST_OF_ONE_ADDRESS, sources.is_trusted)
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._config = Config(
            app,
            loop="none",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=_most_connections(),
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._looking = LoopingCall(self._look_at_certificate)
        self._looking.clock = clock

    @property
    def is_open(self) -> bool:
        return self._server is not None and self._server.is_serving()

    async def start(self) -> None:
        """In the running asyncio loop."""
        _hear_uvicorn()
        sslproto.SSLProtocol.max_size = _TLS_BUFFER
        self._config.load()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: GuardedProtocol(self._config, self._state, self._addresses, loop),
            sock=self._socket,
            ssl=self._certificate.context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            backlog=BACKLOG,
        )
        self._looking.start(_LOOK_EVERY, now=False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def stop(self, seconds: float = STOP_SECONDS) -> Deferred[None]:
        """Takes no more requests; what is being answered has ``seconds`` to end."""
        if self._looking.running:
            self._looking.stop()
        if self._server is None:
            self._socket.close()
        return Deferred.fromFuture(asyncio.ensure_future(self._stop(seconds)))

    async def _stop(self, seconds: float) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=seconds)
        for connection in list(self._state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        unfinished = list(self._state.tasks)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=STOP_SECONDS)

    def _look_at_certificate(self) -> None:
        try:
            if self._certificate.reload_if_changed():
                _log.info("web: new certificate, SHA-256 {print}", print=self._certificate.fingerprint)
        except ConfigError as error:
            _log.error("web: {problem}; the one before stays in use", problem=str(error))


def _most_connections() -> int:
    """Half of the files that this process may open are left for the other rooms."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(_MOST_CONNECTIONS, soft // 2)


class _Relay(logging.Handler):
    """uvicorn's errors, into our log; its warnings are what clients send."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.error("web: {text}", text=self.format(record))


def _hear_uvicorn() -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(_Relay(logging.ERROR))
