"""The daemon's figures at one moment, for ``authproxy top``: what it counts and looks up anyway, as a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric

from authproxy.metrics import Metrics
from authproxy.metrics_state import States
from authproxy.model import JsonValue

_DROPS = {
    "authproxy_radius_dropped": "RADIUS",
    "authproxy_ldap_dropped": "LDAP",
    "authproxy_upstream_dropped": "upstream",
}


def snapshot(metrics: Metrics, at: float) -> dict[str, JsonValue]:
    """``at``: seconds of a monotonic clock, to tell rates by. Counters are since the daemon's start."""
    families = {family.name: family for family in metrics.registry.collect()}
    return {
        "at": round(at, 3),
        "primary_only": bool(_value(families, "authproxy_primary_only")),
        "pending": [
            {"section": labels["section"], "count": value}
            for labels, value in _samples(families, "authproxy_pending_logins", "")
        ],
        "pushes_pending": _value(families, "authproxy_pushes_pending"),
        "database_queue": _value(families, "authproxy_database_queue"),
        "logins": _logins(families),
        "stages": _stages(families),
        "drops": _drops(families),
        "upstreams": _upstreams(metrics.states),
    }


def _samples(families: Mapping[str, Metric], name: str, suffix: str) -> Iterable[tuple[dict[str, str], float]]:
    family = families.get(name)
    for sample in family.samples if family is not None else ():
        if sample.name == name + suffix:
            yield sample.labels, sample.value


def _value(families: Mapping[str, Metric], name: str) -> float:
    return sum(value for _, value in _samples(families, name, ""))


def _logins(families: Mapping[str, Metric]) -> list[JsonValue]:
    return [
        {**{name: labels[name] for name in ("section", "result", "reason", "factor")}, "count": value}
        for labels, value in _samples(families, "authproxy_logins", "_total")
    ]


def _stages(families: Mapping[str, Metric]) -> list[JsonValue]:
    """Of each section: how many, and the seconds of all together."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for name, stage in (("authproxy_stage_seconds", ""), ("authproxy_login_seconds", "whole login")):
        for suffix in ("_count", "_sum"):
            for labels, value in _samples(families, name, suffix):
                found[labels["section"], stage or labels["stage"]][suffix[1:]] = value
    return [
        {"section": section, "stage": stage, "count": each.get("count", 0.0), "seconds": each.get("sum", 0.0)}
        for (section, stage), each in sorted(found.items())
    ]


def _drops(families: Mapping[str, Metric]) -> list[JsonValue]:
    return [
        {"kind": kind, "section": labels["section"], "reason": labels["reason"], "count": value}
        for name, kind in _DROPS.items()
        for labels, value in _samples(families, name, "_total")
    ]


def _upstreams(states: States) -> list[JsonValue]:
    return [
        {"section": section, "host": host.name, "is_up": host.is_up, "failures": host.failures}
        for section, state in states.sections().items()
        for host in state.hosts
    ]
