"""What ``/metrics``, ``/live`` and ``/ready`` answer, and to whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from prometheus_client.exposition import choose_encoder

from authproxy import __version__
from authproxy.metrics import Metrics
from authproxy.monitor.readiness import Readiness, Report, upstreams

Span = tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class Insiders:
    """Who may see more than whether all is well. Without ``spans``: this host alone."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = tuple(spans)

    def has(self, host: str) -> bool:
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if not self._spans:
            return address.is_loopback
        return any(
            first.version == address.version and int(first) <= int(address) <= int(last)
            for first, last in self._spans
        )


class Pages:
    """``live``: restart the process if it is not. ``ready``: send logins here. ``metrics``: for Prometheus."""

    def __init__(self, metrics: Metrics, readiness: Readiness, insiders: Insiders) -> None:
        self._metrics = metrics
        self._readiness = readiness
        self._insiders = insiders

    async def get(self, path: str, peer: str, accept: str) -> Reply:
        """``accept``: the header; OpenMetrics is given to who asks for it."""
        match path:
            case "/live":
                return Reply(200, b"live\n")
            case "/ready":
                return self._ready(await self._readiness.report(), peer)
            case "/metrics":
                return self._figures(peer, accept)
        return Reply(404, b"there are /metrics, /live and /ready\n")

    def _figures(self, peer: str, accept: str) -> Reply:
        if not self._insiders.has(peer):
            return Reply(403, b"not among [metrics] client_ip\n")
        encode, content_type = choose_encoder(accept)
        return Reply(200, encode(self._metrics.registry), content_type)

    def _ready(self, report: Report, peer: str) -> Reply:
        status = 200 if report.is_ready else 503
        if not self._insiders.has(peer):
            return Reply(status, b"ready\n" if report.is_ready else b"not ready\n")
        details = {
            "ready": report.is_ready,
            "version": __version__,
            "checks": dict(report.checks),
            "upstreams": upstreams(self._metrics.states),
        }
        return Reply(status, json.dumps(details, indent=1).encode() + b"\n", "application/json")
