"""What is looked at from outside: figures nobody could read, receivers of log and traces that are none."""

from __future__ import annotations

from importlib.util import find_spec
from ipaddress import ip_address

from authproxy.config.problems import Findings
from authproxy.config.values import SectionValues

_OF_TRACES = ("otel_service_name", "otel_usernames")
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"
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


def check_traces(main: SectionValues, findings: Findings) -> None:
    if not main.is_mentioned("otel_endpoint"):
        for name in _OF_TRACES:
            if main.is_given(name):
                findings.warning(main.line_of(name), main.name, name, "has no effect without otel_endpoint")
    elif not can_trace():
        message = "traces need what is not installed: pip install 'authproxy[otel]'"
        findings.error(main.line_of("otel_endpoint"), main.name, "otel_endpoint", message)


def can_trace() -> bool:
    try:
        return find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        return False
