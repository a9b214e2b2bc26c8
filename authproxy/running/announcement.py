"""Where the daemon listens, in words: for the log, and for whoever asks."""

from __future__ import annotations

from authproxy.config.settings import Settings
from authproxy.service import Service


def listeners(settings: Settings, service: Service) -> list[str]:
    """One for each section that listens."""
    ports = [
        f"[{section.name}] on {section.interface or 'every address'} port {section.port}/udp"
        for section in settings.radius_servers
    ]
    for section in settings.ldap_servers:
        tls = f" and {section.ssl_port}/tcp (LDAPS)" if section.ssl_cert_path else ""
        ports.append(f"[{section.name}] on {section.interface or 'every address'} port {section.port}/tcp{tls}")
    web = settings.service.web
    if web is not None and service.web is not None:
        note = (
            f", self-signed, SHA-256 {service.web.certificate.fingerprint}" if service.web.is_self_signed else ""
        )
        ports.append(f"[service] on {web.interface or 'every address'} port {web.port}/tcp (HTTPS{note})")
    ports += [
        f"[{proxy.name}] on {proxy.interface or 'every address'} port {proxy.port}/tcp"
        for proxy in settings.http_proxies
    ]
    metrics = settings.metrics
    if metrics is not None:
        ports.append(f"[metrics] on {metrics.interface or 'every address'} port {metrics.port}/tcp (HTTP)")
    return ports
