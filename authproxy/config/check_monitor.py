"""What is looked at from outside: figures that nobody could read, and a syslog server that is not one."""

from __future__ import annotations

from ipaddress import ip_address

from authproxy.config.problems import Findings
from authproxy.config.values import SectionValues

_OF_SYSLOG = ("syslog_port", "syslog_transport", "syslog_ca_certs_file")


def check_metrics(section: SectionValues, findings: Findings) -> None:
    interface = section.text("interface")
    if (interface and ip_address(interface).is_loopback) or section.is_mentioned("client_ip"):
        return
    message = "other hosts can connect, but none may read the figures"
    findings.warning(
        section.line_of("interface"), section.name, "client_ip", message, wanted="client_ip=ADDRESSES"
    )


def check_syslog(main: SectionValues, findings: Findings) -> None:
    if not main.is_mentioned("syslog_host"):
        for name in _OF_SYSLOG:
            if main.is_given(name):
                findings.warning(main.line_of(name), main.name, name, "has no effect without syslog_host")
    elif main.is_given("syslog_ca_certs_file") and main.text("syslog_transport") != "tls":
        name = "syslog_ca_certs_file"
        findings.warning(main.line_of(name), main.name, name, "has no effect without syslog_transport=tls")
