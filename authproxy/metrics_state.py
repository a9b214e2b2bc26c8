"""What the figures say of things that have a state: hosts, certificates, the log. Read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class HostState:
    """An upstream host as it is now; numbers since it is known. ``requests`` by what became of them,
    ``connections`` by what they are at. ``expires``: when the first certificate of the chain it showed last does,
    in epoch seconds."""

    name: str
    is_up: bool
    failures: int
    requests: Mapping[str, int] = field(default_factory=dict)
    connections: Mapping[str, int] = field(default_factory=dict)
    waiting: int | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class SectionState:
    """The hosts of a section, and how often a request had to go on to another one."""

    failovers: int
    hosts: tuple[HostState, ...]


@dataclass(frozen=True, slots=True)
class LogState:
    """Lines by level; ``lost`` by the sink that could not take them."""

    lines: Mapping[str, int]
    lost: Mapping[str, int]


class States(Collector):
    """Who can be asked: every part of the configuration in use. ``certificates`` are those that clients are shown,
    by role and section."""

    def __init__(self) -> None:
        self._sections: Mapping[str, Callable[[], SectionState]] = {}
        self._certificates: Mapping[tuple[str, str], Callable[[], float | None]] = {}
        self.log: Callable[[], LogState] | None = None

    def watch(
        self,
        sections: Mapping[str, Callable[[], SectionState]],
        certificates: Mapping[tuple[str, str], Callable[[], float | None]],
    ) -> None:
        """From now on these, and none of those before."""
        self._sections, self._certificates = dict(sections), dict(certificates)

    def sections(self) -> dict[str, SectionState]:
        return {section: read() for section, read in self._sections.items()}

    # ------------------------------------------------------------ for the registry

    def collect(self) -> Iterator[Metric]:
        sections = self.sections()
        yield from _hosts(sections)
        yield _certificates(sections, self._certificates)
        if self.log is not None:
            yield from _log(self.log())

    def describe(self) -> Iterable[Metric]:
        return ()


def _hosts(sections: Mapping[str, SectionState]) -> Iterator[Metric]:
    where = ["section", "host"]
    up = GaugeMetricFamily("authproxy_upstream_up", "1: the host answers", labels=where)
    failures = CounterMetricFamily("authproxy_upstream_failures", "Times it was found dead", labels=where)
    requests = CounterMetricFamily(
        "authproxy_upstream_requests", "Requests to upstream RADIUS servers", labels=[*where, "outcome"]
    )
    connections = GaugeMetricFamily(
        "authproxy_directory_connections", "Connections to the directory", labels=[*where, "state"]
    )
    waiting = GaugeMetricFamily(
        "authproxy_directory_waiting", "User binds that wait for a connection", labels=where
    )
    failovers = CounterMetricFamily(
        "authproxy_upstream_failovers", "Requests that went on to another host", labels=["section"]
    )
    for section, state in sections.items():
        failovers.add_metric([section], state.failovers)
        for host in state.hosts:
            labels = [section, host.name]
            up.add_metric(labels, host.is_up)
            failures.add_metric(labels, host.failures)
            for outcome, count in host.requests.items():
                requests.add_metric([*labels, outcome], count)
            for kind, count in host.connections.items():
                connections.add_metric([*labels, kind], count)
            if host.waiting is not None:
                waiting.add_metric(labels, host.waiting)
    yield from (up, failures, failovers, requests, connections, waiting)


def _certificates(
    sections: Mapping[str, SectionState], own: Mapping[tuple[str, str], Callable[[], float | None]]
) -> Metric:
    """``role``: whose it is. A timestamp, so that rules compute what is left of it."""
    family = GaugeMetricFamily(
        "authproxy_certificate_expiry_timestamp_seconds",
        "When a certificate that is shown (web, ldap) or was seen last (directory) expires",
        labels=["role", "section", "host"],
    )
    for (role, section), expires in own.items():
        at = expires()
        if at is not None:
            family.add_metric([role, section, ""], at)
    for section, state in sections.items():
        for host in state.hosts:
            if host.expires is not None:
                family.add_metric(["directory", section, host.name], host.expires)
    return family


def _log(state: LogState) -> Iterator[Metric]:
    lines = CounterMetricFamily("authproxy_log_lines", "Log events by level", labels=["level"])
    for level, count in state.lines.items():
        lines.add_metric([level], count)
    lost = CounterMetricFamily("authproxy_log_lines_lost", "Log lines that could not be written", labels=["sink"])
    for sink, count in state.lost.items():
        lost.add_metric([sink], count)
    yield from (lines, lost)
