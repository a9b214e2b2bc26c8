"""Whether a host elsewhere can be connected to: gateways and the like, of whom no more may be asked for free."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.threads import deferToThreadPool

from authproxy.config.settings_telephony import HttpGatewaySettings, TelephonySettings, TwilioSettings
from authproxy.errors import AuthproxyError
from authproxy.support.findings import Findings

_PORTS = {"https": 443, "http": 80}


class CantReach(AuthproxyError):
    """No connection, or no trustworthy one."""


async def probe_telephony(settings: TelephonySettings, reactor: Reactor, findings: Findings) -> None:
    """Through the proxy, if there is one, only the proxy is tried. Nothing is sent, so nothing costs."""
    if settings.http_proxy is not None:
        host, port = settings.http_proxy
        await probe_host(reactor, f"HTTP proxy {host}:{port}", host, port, None, settings.timeout, findings)
        return
    certificates = str(settings.http_ca_certs_file) if settings.http_ca_certs_file else None
    for url in sorted(_urls(settings.gateway)):
        parts = urlsplit(url)
        if not parts.hostname or "{" in parts.netloc:
            findings.warn("gateway", "its host is part of a template: it can't be tried")
            continue
        try:
            tls = ssl.create_default_context(cafile=certificates) if parts.scheme == "https" else None
        except OSError as error:
            findings.error("gateway", f"can't use the certificates in {certificates}: {error}")
            continue
        port = parts.port or _PORTS.get(parts.scheme, 443)
        what = f"gateway {parts.hostname}:{port}"
        await probe_host(reactor, what, parts.hostname, port, tls, settings.timeout, findings)


def _urls(gateway: TwilioSettings | HttpGatewaySettings) -> set[str]:
    if isinstance(gateway, TwilioSettings):
        return {gateway.api_base}
    return {template.url for template in (gateway.sms, gateway.call) if template is not None}


async def probe_host(
    reactor: Reactor,
    what: str,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    seconds: float,
    findings: Findings,
) -> None:
    since = findings.now()
    work = deferToThreadPool(reactor, reactor.getThreadPool(), connect, host, port, tls, seconds)
    try:
        text = await work
    except CantReach as error:
        findings.error(what, str(error), "see firewalls, proxies and the name", since)
    else:
        findings.info(what, text, since)


def connect(host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> str:
    """Raises CantReach."""
    try:
        with socket.create_connection((host, port), seconds) as plain:
            if tls is None:
                return "connected"
            with tls.wrap_socket(plain, server_hostname=host) as secure:
                return f"connected, {secure.version()}, the certificate is trusted"
    except ssl.SSLCertVerificationError as error:
        raise CantReach(f"the certificate is not to be trusted: {error.verify_message}") from error
    except (OSError, UnicodeError) as error:
        raise CantReach(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
