"""``authproxy top``: two snapshots of the daemon's figures to one screen of text. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Figures = Mapping[str, Any]  # as ``figures.snapshot`` made it, and JSON carried it


@dataclass(frozen=True, slots=True)
class Pace:
    """What happened between two snapshots, ``seconds`` apart. Without an earlier one: since the daemon's start."""

    now: Figures
    before: Figures = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return max(float(self.now["at"]) - float(self.before.get("at", 0.0)), 0.0) if self.before else 0.0

    def grown(self, name: str, *keys: str) -> dict[tuple[str, ...], float]:
        """Counters summed by ``keys``, as far as they have grown. After a restart they begin anew."""
        later, earlier = _summed(self.now.get(name, ()), keys), _summed(self.before.get(name, ()), keys)
        return {key: value - (earlier.get(key, 0.0) if earlier.get(key, 0.0) <= value else 0.0)
                for key, value in later.items()}  # fmt: skip


def _summed(
    rows: Iterable[Mapping[str, Any]], keys: tuple[str, ...], what: str = "count"
) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for row in rows:
        found[tuple(str(row[key]) for key in keys)] += float(row.get(what, 0.0))
    return dict(found)


def screen(pace: Pace, heading: str) -> str:
    return "\n".join([heading, *_overview(pace), "", *_sections(pace), "", *_stages(pace), *_troubles(pace),
                      "", *_upstreams(pace)])  # fmt: skip


def _overview(pace: Pace) -> Iterator[str]:
    now = pace.now
    if now.get("primary_only"):
        yield "PRIMARY-ONLY MODE: passwords alone are enough"
    pending = sum(_pending(pace).values())
    grown = pace.grown("logins", "result")
    total = sum(grown.values())
    told = ", ".join(f"{_number(value)} {result}" for (result,), value in sorted(grown.items()) if value)
    if pace.seconds:
        rate = f"{total / pace.seconds:.1f} logins a second ({told or 'none'} in {pace.seconds:.0f} s)"
    else:
        rate = f"{_number(total)} logins since the start ({told or 'none'})"
    yield (
        f"{rate}; pending: {_number(pending)} logins, {_number(now.get('pushes_pending', 0))} pushes,"
        f" {_number(now.get('database_queue', 0))} database jobs"
    )


def _sections(pace: Pace) -> Iterator[str]:
    yield f"{'section':32} {'pending':>8} {'accept':>8} {'reject':>8} {'challenge':>10}"
    grown = pace.grown("logins", "section", "result")
    waiting = _pending(pace)
    names = sorted({*waiting, *(section for section, _ in grown)})
    for name in names:
        counts = [_number(grown.get((name, result), 0)) for result in ("accept", "reject", "challenge")]
        pending = _number(waiting.get(name, 0))
        yield f"{name[:32]:32} {pending:>8} {counts[0]:>8} {counts[1]:>8} {counts[2]:>10}"


def _pending(pace: Pace) -> dict[str, float]:
    return {section: count for (section,), count in _summed(pace.now.get("pending", ()), ("section",)).items()}


def _stages(pace: Pace) -> Iterator[str]:
    yield f"{'stage':32} {'section':32} {'count':>8} {'average':>10}"
    counts = pace.grown("stages", "stage", "section")
    after = _summed(pace.now.get("stages", ()), ("stage", "section"), "seconds")
    before = _summed(pace.before.get("stages", ()), ("stage", "section"), "seconds")
    for key, count in sorted(counts.items()):
        if count:
            earlier = before.get(key, 0.0)
            seconds = after.get(key, 0.0) - (earlier if earlier <= after.get(key, 0.0) else 0.0)
            yield f"{key[0][:32]:32} {key[1][:32]:32} {_number(count):>8} {seconds / count * 1000:>7.1f} ms"


def _troubles(pace: Pace) -> Iterator[str]:
    """Why logins were refused and requests dropped, the most frequent first."""
    refused = {key: value for key, value in pace.grown("logins", "result", "reason").items() if key[0] == "reject"}
    lines = [(value, f"rejected: {key[1] or 'no reason'}") for key, value in refused.items()]
    lines += [
        (value, f"dropped ({key[0]}): {key[1]}") for key, value in pace.grown("drops", "kind", "reason").items()
    ]
    told = [f"{_number(value):>8} {text}" for value, text in sorted(lines, key=lambda line: -line[0]) if value]
    yield from ["", *told[:10]] if told else []


def _upstreams(pace: Pace) -> Iterator[str]:
    for host in pace.now.get("upstreams", ()):
        state = "up" if host["is_up"] else "DOWN"
        yield f"{state:>8} {host['host']} [{host['section']}], found dead {_number(host['failures'])} times"


def _number(value: float) -> str:
    return f"{value:.0f}"
