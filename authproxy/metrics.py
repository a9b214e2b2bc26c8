"""Figures in Prometheus terms. Made once by ``service``; rooms are handed the object."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from authproxy import __version__
from authproxy.metrics_state import States
from authproxy.model import Reason

_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_STAGES = ("primary", "second factor")
_REASONS = frozenset(("", "exempt_username", "exempt_ou", "failmode", "primary-only", *Reason))


class Metrics:
    """Every figure the daemon keeps. Labels never hold a user name, nor what a peer could invent: their number
    must stay bounded. What is not counted but looked up is in ``states``."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.states = States()
        self.registry.register(self.states)
        ProcessCollector(registry=self.registry)
        build = Info("authproxy_build", "What runs", registry=self.registry)
        build.info({"version": __version__, "python": platform.python_version()})
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
        self._stage_seconds = Histogram(
            "authproxy_stage_seconds",
            "How long one stage of a login took: the password (primary), the second factor",
            ["section", "stage"],
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
        self.eap_conversations = Gauge(
            "authproxy_eap_conversations",
            "EAP and MS-CHAP logins that wait for their device's next request",
            ["section"],
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
        self.primary_only = Gauge(
            "authproxy_primary_only", "1: passwords alone are enough for now", registry=self.registry
        )
        self.pushes = Counter(
            "authproxy_pushes",
            "Push requests by how they ended: approved, denied, fraud, expired, cancelled",
            ["result"],
            registry=self.registry,
        )
        self.push_deliveries = Counter(
            "authproxy_push_deliveries",
            "Ways to phones: open page, accepted (by its push service), gone, failed, no subscription",
            ["result"],
            registry=self.registry,
        )
        self.mails = Counter(
            "authproxy_mails",
            "Attempts to hand a mail to the mail server: sent, refused, unreachable",
            ["result"],
            registry=self.registry,
        )
        self.mail_server_down = Gauge(
            "authproxy_mail_server_down",
            "1: the mail server could not be reached at the last attempt",
            registry=self.registry,
        )
        self.pushes_pending = Gauge(
            "authproxy_pushes_pending", "Push requests that wait for their user", registry=self.registry
        )
        self.commit_seconds = Histogram(
            "authproxy_database_commit_seconds",
            "How long a commit took, with the jobs in it",
            buckets=_COMMIT_BUCKETS,
            registry=self.registry,
        )
        self.directory_syncs = Counter(
            "authproxy_directory_syncs",
            "Syncs of directories by how they ended: done, refused, failed",
            ["directory", "result"],
            registry=self.registry,
        )
        self.directory_synced = Gauge(
            "authproxy_directory_synced_timestamp_seconds",
            "When the last sync of a directory that was done ended",
            ["directory"],
            registry=self.registry,
        )
        self.database_queue = Gauge(
            "authproxy_database_queue", "Jobs that wait for the database", registry=self.registry
        )

    def count_login(self, section: str, result: str, reason: str, factor: str) -> None:
        """``factor`` is one of ours; a ``reason`` that is not counts as ``other``."""
        self.logins.labels(section, result, reason if reason in _REASONS else "other", factor).inc()

    def note_stage(self, section: str, stage: str, seconds: float) -> None:
        """Only stages that take time of somebody else are of interest."""
        if stage in _STAGES:
            self._stage_seconds.labels(section, stage).observe(seconds)
