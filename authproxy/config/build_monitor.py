"""What watches the daemon from outside: its figures, a syslog server, a collector of traces."""

from __future__ import annotations

from collections.abc import Sequence

from authproxy.config.build_servers import spans
from authproxy.config.places import Places
from authproxy.config.settings import MetricsSettings, SyslogSettings, TraceSettings
from authproxy.config.values import SectionValues

_PORT, _TLS_PORT = 514, 6514


def metrics(sections: Sequence[SectionValues]) -> MetricsSettings | None:
    """None: nothing is served."""
    section = next((section for section in sections if section.type.name == "metrics"), None)
    if section is None:
        return None
    return MetricsSettings(section.text("interface"), section.integer("port"), spans(section, "client_ip"))


def syslog(main: SectionValues, places: Places) -> SyslogSettings | None:
    host = main.optional_text("syslog_host")
    if not host:
        return None
    transport = main.text("syslog_transport")
    port = main.integer("syslog_port") if main.is_given("syslog_port") else _port_of(transport)
    authorities = main.optional_text("syslog_ca_certs_file")
    return SyslogSettings(host, port, transport, places.to_read(authorities) if authorities else None)


def _port_of(transport: str) -> int:
    return _TLS_PORT if transport == "tls" else _PORT


def traces(main: SectionValues) -> TraceSettings | None:
    endpoint = main.optional_text("otel_endpoint")
    if not endpoint:
        return None
    return TraceSettings(endpoint, main.text("otel_service_name"), main.flag("otel_usernames"))
