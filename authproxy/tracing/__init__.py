"""Decided logins as OpenTelemetry traces, for who has installed ``authproxy[otel]``."""
