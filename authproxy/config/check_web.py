"""The web side: whether it is wanted, and what belongs together."""

from __future__ import annotations

from urllib.parse import urlsplit

from authproxy.config.problems import Findings
from authproxy.config.schema_web import TURNS_ON
from authproxy.config.values import SectionValues

_HTTPS = 443
_WITHOUT_USE = (
    *TURNS_ON,
    "interface",
    "trusted_proxies",
    "webpush_hosts",
    "geoip_file",
    "request_rate",
    "password_rate",
    "portal_client",
)


def is_web_wanted(service: SectionValues) -> bool:
    match service.text("web"):
        case "true":
            return True
        case "false":
            return False
    return any(service.is_given(name) for name in TURNS_ON)


def check_web(service: SectionValues, findings: Findings) -> None:
    for name, other in (("ssl_cert_path", "ssl_key_path"), ("ssl_key_path", "ssl_cert_path")):
        if service.is_given(name) and not service.is_mentioned(other):
            findings.error(service.line_of(name), service.name, name, f"needs {other}, too")
    if is_web_wanted(service):
        _port_of_address(service, findings)
        return
    if service.text("new_user_policy") == "enroll":
        message = "nobody can enroll: the web side is off"
        line = service.line_of("new_user_policy")
        findings.warning(line, service.name, "new_user_policy", message, wanted="web=true")
    for name in _WITHOUT_USE:
        if service.is_given(name):
            reason = "web=false" if service.is_given("web") else "the web side is off"
            message = f"has no effect: {reason}"
            findings.warning(service.line_of(name), service.name, name, message, wanted="web=true")


def _port_of_address(service: SectionValues, findings: Findings) -> None:
    """Right behind a reverse proxy, and a puzzle for who has none."""
    address = service.text("base_url")
    if not address:
        return
    told, listens = urlsplit(address).port or _HTTPS, service.integer("port")
    if told != listens:
        message = f"leads to port {told}, the daemon listens on {listens}: something in between has to pass it on"
        findings.info(service.line_of("base_url"), service.name, "base_url", message)
