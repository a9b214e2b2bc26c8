"""Counters, in Prometheus terms. Made once by ``service``; rooms are handed the object."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class Metrics:
    """Every figure the daemon keeps. Labels never hold a user name: their number must stay bounded."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.logins = Counter(
            "authproxy_logins", "Decided logins", ["section", "result", "reason", "factor"], registry=self.registry
        )
        self.login_seconds = Histogram(
            "authproxy_login_seconds",
            "From request to outcome",
            ["section"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.pending = Gauge(
            "authproxy_pending_logins", "Logins being decided", ["section"], registry=self.registry
        )
        self.radius_received = Counter(
            "authproxy_radius_received", "RADIUS datagrams by code", ["section", "code"], registry=self.registry
        )
        self.radius_dropped = Counter(
            "authproxy_radius_dropped",
            "RADIUS datagrams not answered, by reason",
            ["section", "reason"],
            registry=self.registry,
        )
        self.upstream_dropped = Counter(
            "authproxy_upstream_dropped",
            "Replies of upstream RADIUS servers that were not believed, by reason",
            ["section", "reason"],
            registry=self.registry,
        )
        self.ldap_connections = Gauge(
            "authproxy_ldap_connections", "Open connections of LDAP clients", ["section"], registry=self.registry
        )
        self.ldap_dropped = Counter(
            "authproxy_ldap_dropped",
            "LDAP clients that were disconnected or could not be served, by reason",
            ["section", "reason"],
            registry=self.registry,
        )
