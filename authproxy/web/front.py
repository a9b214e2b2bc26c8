"""The web side opened: certificate, port, and the rooms behind it."""

from __future__ import annotations

import asyncio
import platform
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from authproxy.config.settings import WebSettings
from authproxy.messaging.gateway import HearsGateway
from authproxy.secondfactor.authapi import AuthApi
from authproxy.secondfactor.enroll_api import EnrollApi
from authproxy.web.admin.rooms import AdminRooms
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.app import build
from authproxy.web.certificate import WebCertificate, self_signed
from authproxy.web.listener import STOP_SECONDS, WebListener
from authproxy.web.phone.app import Phones
from authproxy.web.portal.rooms import PortalRooms
from authproxy.web.prompt.rooms import PromptRooms
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.site import Applications, MakesLogo, Site, no_logo, nobodys_language
from authproxy.web.source import Sources

_log = Logger()


@dataclass(frozen=True, slots=True)
class Front:
    """What runs."""

    listener: WebListener
    certificate: WebCertificate
    is_self_signed: bool

    def start(self) -> None:
        """In the running event loop."""
        starting: Deferred[None] = Deferred.fromFuture(asyncio.ensure_future(self.listener.start()))
        starting.addErrback(lambda failure: _log.failure("the web side can't start", failure))

    def stop(self, seconds: float = STOP_SECONDS) -> Deferred[None]:
        """What is being answered has that long to end. Once is enough."""
        return self.listener.stop(seconds)


def open_front(
    settings: WebSettings,
    state_dir: Path,
    auth: AuthApi,
    applications: Applications,
    clock: IReactorTime,
    opened: socket.socket,
    *,
    telephony: HearsGateway | None = None,
    phones: Phones | None = None,
    enrolling: EnrollApi | None = None,
    panel: AdminRooms | None = None,
    portal: PortalRooms | None = None,
    prompts: PromptRooms | None = None,
    admin_api: ApiRooms | None = None,
    language: Callable[[], str] = nobodys_language,
    logo: MakesLogo = no_logo,
    is_debug: bool = False,
) -> Front:
    """``opened``: where clients connect; they are answered after ``start``. Raises ConfigError."""
    host = urlsplit(settings.base_url).hostname or "localhost"
    certificate = _certificate(settings, state_dir, host)
    site = Site(
        auth,
        applications,
        Rates(settings.request_rate, clock.seconds),
        Refusals(clock.seconds),
        time.time,
        (urlsplit(settings.base_url).netloc.encode("ascii"),),
        language=language,
        logo=logo,
        telephony=telephony,
        phones=phones,
        enrolling=enrolling,
        panel=panel,
        portal=portal,
        prompts=prompts,
        admin_api=admin_api,
    )
    sources = Sources(settings.trusted_proxies)
    app = build(site, sources, is_debug=is_debug)
    is_own = settings.ssl_cert_path is None
    return Front(WebListener(app, certificate, opened, sources, clock), certificate, is_own)


def _certificate(settings: WebSettings, state_dir: Path, host: str) -> WebCertificate:
    if settings.ssl_cert_path is not None and settings.ssl_key_path is not None:
        return WebCertificate(settings.ssl_cert_path, settings.ssl_key_path)
    here = [settings.interface] if settings.interface not in ("", "::", "0.0.0.0") else []  # noqa: S104
    names = [host, platform.node().lower() or "localhost", "localhost", "127.0.0.1", "::1", *here]
    path, is_new = self_signed(state_dir, names)
    certificate = WebCertificate(path, path)
    if is_new:
        _log.warn(
            "web: made the self-signed certificate {path}, SHA-256 {print}: clients must be told to trust it",
            path=str(path),
            print=certificate.fingerprint,
        )
    return certificate
