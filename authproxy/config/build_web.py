"""The web side's typed settings."""

from __future__ import annotations

import platform

from authproxy.config.check_web import is_web_wanted
from authproxy.config.options import AddressRange
from authproxy.config.places import Places
from authproxy.config.settings import WebSettings
from authproxy.config.values import SectionValues

_HTTPS = 443


def web(service: SectionValues, places: Places) -> WebSettings | None:
    """None: the web side is off."""
    if not is_web_wanted(service):
        return None
    geoip = service.optional_text("geoip_file")
    certificate, key = service.optional_text("ssl_cert_path"), service.optional_text("ssl_key_path")
    proxies = service.get("trusted_proxies") or ()
    assert isinstance(proxies, tuple)
    spans = (span for span in proxies if isinstance(span, AddressRange))
    return WebSettings(
        base_url=service.text("base_url") or _own_url(service.integer("port")),
        interface=service.text("interface"),
        port=service.integer("port"),
        ssl_cert_path=places.to_read(certificate) if certificate else None,
        ssl_key_path=places.to_read(key) if key else None,
        trusted_proxies=tuple((span.first, span.last) for span in spans),
        webpush_hosts=tuple(name.lower() for name in service.names("webpush_hosts")),
        geoip_file=places.to_read(geoip) if geoip else None,
        request_rate=service.integer("request_rate"),
        password_rate=service.integer("password_rate"),
        portal_client=service.text("portal_client").lower(),
    )


def _own_url(port: int) -> str:
    host = platform.node().lower() or "localhost"
    return f"https://{host}" if port == _HTTPS else f"https://{host}:{port}"
