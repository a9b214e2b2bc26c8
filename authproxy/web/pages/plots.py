"""Plots as SVG, made here: no script, no inline style, and readable without color. Pure.

Series differ by pattern, marker and label, and color comes on top of that from the style sheet. Every plot has a
title and a description for screen readers, and the figures themselves as a table, which the page shows on demand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 360.0, 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 36.0, 8.0, 10.0, 30.0
_ROW = 30.0
_MARKERS = ("circle", "square", "diamond", "cross")
_PATTERNS = ("solid", "rising", "dots", "falling", "grid", "level")
_PATTERN = {
    "rising": '<path d="M-1 7L7 -1M5 9L9 5M-1 1L1 -1" stroke="currentColor" stroke-width="1.6"/>',
    "falling": '<path d="M-1 1L7 9M5 -1L9 3M-1 5L3 9" stroke="currentColor" stroke-width="1.2"/>',
    "dots": '<path d="M1 2H3M5 6H7" stroke="currentColor" stroke-width="2.4"/>',
    "grid": '<path d="M0 4H8M4 0V8" stroke="currentColor" stroke-width="1"/>',
    "level": '<path d="M0 2H8M0 6H8" stroke="currentColor" stroke-width="1.4"/>',
}


@dataclass(frozen=True, slots=True)
class Series:
    """``values``: one for each label; None where there is none."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Legend:
    """A sample of a series' pattern or marker, as SVG, and its name."""

    sample: Markup
    name: str


@dataclass(frozen=True, slots=True)
class Plot:
    """``head`` and ``rows``: the same figures as a table."""

    title: str
    svg: Markup
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    legend: Sequence[Legend] = ()


def stacked_bars(
    id_: str, title: str, told: str, first: str, labels: Sequence[str], series: Sequence[Series]
) -> Plot:
    """A bar for each label, of as many parts as there are series. ``id_``: unique on its page, a word. ``told``:
    what there is to see, in a sentence. ``first``: heading of the labels."""
    totals = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    top = _nice(max(totals, default=0))
    parts = [_axes(top, labels)]
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    for at in range(len(labels)):
        y = _HEIGHT - _BOTTOM
        for index, one in enumerate(series):
            height = (one.values[at] or 0) / top * (_HEIGHT - _TOP - _BOTTOM)
            if height <= 0:
                continue
            y -= height
            parts.append(_box(id_, index, _LEFT + at * step + step * 0.1, y, step * 0.8, height))
    legend = [Legend(_sample(id_, index), one.name) for index, one in enumerate(series)]
    return Plot(
        title, _svg(id_, title, told, parts, len(series)), (first, *_names(series)), _table(labels, series), legend
    )


def lines(
    id_: str, title: str, told: str, first: str, labels: Sequence[str], series: Sequence[Series], unit: str = ""
) -> Plot:
    """A line with markers for each series, interrupted where there is no value."""
    top = _nice(max((value for one in series for value in one.values if value is not None), default=0))
    parts = [_axes(top, labels)]
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    for index, one in enumerate(series):
        points = [
            None if value is None else (_LEFT + (at + 0.5) * step, _y(value, top))
            for at, value in enumerate(one.values)
        ]
        dash = ("", ' stroke-dasharray="5 3"', ' stroke-dasharray="2 2"', ' stroke-dasharray="8 2 2 2"')[index % 4]
        parts += [
            f'<polyline class="s{index}" points="{_points(run)}" fill="none" stroke="currentColor"'
            f' stroke-width="1.6"{dash}/>'
            for run in _runs(points)
            if len(run) > 1
        ]
        parts += [_marker(index, point) for point in points if point is not None]
    legend = [Legend(_marker_sample(index), one.name) for index, one in enumerate(series)]
    return Plot(
        title, _svg(id_, title, told, parts, 0), (first, *_names(series)), _table(labels, series, unit), legend
    )


def level_bars(id_: str, title: str, told: str, head: tuple[str, str], rows: Sequence[tuple[str, int]]) -> Plot:
    """A bar for each row, with its name above and its number behind it. Rows in the order they are to be shown."""
    top = max((number for _, number in rows), default=0) or 1
    parts = []
    for at, (name, number) in enumerate(rows):
        y, width = at * _ROW + 14, (_WIDTH - 60) * number / top
        parts.append(f'<text x="0" y="{_n(y - 3)}" font-size="11">{escape(name)}</text>')
        parts.append(
            f'<rect class="s0" x="0" y="{_n(y)}" width="{_n(max(width, 1))}" height="10" fill="currentColor"/>'
        )
        parts.append(f'<text x="{_n(width + 6)}" y="{_n(y + 9)}" font-size="11">{number}</text>')
    svg = _svg(id_, title, told, parts, 0, height=max(len(rows), 1) * _ROW)
    return Plot(title, svg, head, [(name, str(number)) for name, number in rows])


# ---------------------------------------------------------------- parts


def _svg(id_: str, title: str, told: str, parts: Sequence[str], patterns: int, height: float = _HEIGHT) -> Markup:
    defined = "".join(
        f'<pattern id="{id_}-{name}" width="8" height="8" patternUnits="userSpaceOnUse">{_PATTERN[name]}</pattern>'
        for name in _PATTERNS[1 : max(patterns, 1)]
    )
    return Markup(  # noqa: S704 (made here; texts are escaped)
        f'<svg class="plot" viewBox="0 0 {_n(_WIDTH)} {_n(height)}" role="img" aria-labelledby="{id_}-t {id_}-d">'
        f'<title id="{id_}-t">{escape(title)}</title><desc id="{id_}-d">{escape(told)}</desc>'
        f"<defs>{defined}</defs>{''.join(parts)}</svg>"
    )


def _axes(top: float, labels: Sequence[str]) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        parts.append(
            f'<line class="rule" x1="{_n(_LEFT)}" x2="{_n(_WIDTH - _RIGHT)}" y1="{_n(y)}" y2="{_n(y)}"'
            ' stroke="currentColor" stroke-opacity="0.25"/>'
            f'<text x="{_n(_LEFT - 5)}" y="{_n(y + 4)}" font-size="10" text-anchor="end">'
            f"{_short(top * share)}</text>"
        )
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    every = max(1, math.ceil(len(labels) / 6))
    for at in range(0, len(labels), every):
        x = _LEFT + (at + 0.5) * step
        parts.append(
            f'<text x="{_n(x)}" y="{_n(_HEIGHT - _BOTTOM + 14)}" font-size="10" text-anchor="middle">'
            f"{escape(labels[at])}</text>"
        )
    return "".join(parts)


def _box(id_: str, index: int, x: float, y: float, width: float, height: float) -> str:
    """Outlined, so that parts that lie on each other are told apart."""
    pattern = _PATTERNS[index % len(_PATTERNS)]
    fill = "currentColor" if pattern == "solid" else f"url(#{id_}-{pattern})"
    return (
        f'<rect class="s{index}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{fill}"'
        ' stroke="currentColor" stroke-width="0.7"/>'
    )


def _sample(id_: str, index: int) -> Markup:
    return _small(_box(id_, index, 1, 1, 14, 14))


def _marker(index: int, point: tuple[float, float]) -> str:
    x, y = point
    match _MARKERS[index % len(_MARKERS)]:
        case "circle":
            shape = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2.6" fill="currentColor"'
        case "square":
            place = f'x="{_n(x - 2.4)}" y="{_n(y - 2.4)}" width="4.8" height="4.8"'
            shape = f'<rect {place} fill="none" stroke="currentColor"'
        case "diamond":
            shape = f'<path d="M{_n(x)} {_n(y - 3)}l3 3l-3 3l-3 -3z" fill="currentColor"'
        case _:
            shape = f'<path d="M{_n(x - 2.5)} {_n(y - 2.5)}l5 5m0 -5l-5 5" stroke="currentColor"'
    return f'{shape} class="s{index}"/>'


def _marker_sample(index: int) -> Markup:
    return _small(_marker(index, (8, 8)))


def _small(drawn: str) -> Markup:
    opening = '<svg class="sample" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">'
    return Markup(f"{opening}{drawn}</svg>")  # noqa: S704 (made here)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return runs


def _points(run: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in run)


# ---------------------------------------------------------------- numbers


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _nice(most: float) -> float:
    """A round number that is not less, and more than 0."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= most)


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}"


def _n(value: float) -> str:
    """As short as a coordinate can be."""
    return f"{value:.1f}".removesuffix(".0")


def _names(series: Sequence[Series]) -> list[str]:
    return [one.name for one in series]


def _table(labels: Sequence[str], series: Sequence[Series], unit: str = "") -> list[list[str]]:
    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.3g}{unit}" if unit else f"{value:g}"

    return [[label, *(shown(one.values[at]) for one in series)] for at, label in enumerate(labels)]
