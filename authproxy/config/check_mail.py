"""``[mail]``: what belongs together, and what would cross the network in clear."""

from __future__ import annotations

from ipaddress import ip_address

from authproxy.config.problems import Findings
from authproxy.config.values import SectionValues


def check_mail(section: SectionValues, findings: Findings) -> None:
    for name, other in (("username", "password"), ("password", "username")):
        if section.is_given(name) and not section.is_mentioned(other):
            key = section.key_of(name)
            findings.error(section.line_of(name), section.name, key, f"needs {other}, too")
    if section.text("tls") != "none":
        return
    if section.is_given("ssl_ca_certs_file"):
        name = "ssl_ca_certs_file"
        findings.warning(section.line_of(name), section.name, name, "has no effect: tls=none")
    if section.is_given("host") and not _is_here(section.text("host")):
        message = "links to enroll, and a password, cross the network in clear"
        findings.warning(section.line_of("tls"), section.name, "tls", message, wanted="starttls or tls")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
