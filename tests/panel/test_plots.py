"""Plots: well-formed, told to screen readers, told apart without color, and escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from authproxy.web.pages.plots import Plot, Series, level_bars, lines, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>&\"'"


def drawn(plot: Plot) -> ElementTree.Element:
    text = str(plot.svg)
    assert " style=" not in text
    assert "<script" not in text
    return ElementTree.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def bars() -> Plot:
    series = [Series("accepted", [3, 1, 0]), Series("rejected", [1, 0, 0])]
    return stacked_bars("results", "Logins", "4 and 1", "From", ["10:00", "11:00", "12:00"], series)


def test_bars_stand_on_each_other_and_nothing_is_drawn_for_zero() -> None:
    boxes = drawn(bars()).findall(f"{SVG}rect")
    heights = [float(box.get("height", "0")) for box in boxes]
    assert len(boxes) == 3
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.2)
    assert float(boxes[1].get("y", "0")) == pytest.approx(float(boxes[0].get("y", "0")) - heights[1], abs=0.2)


def test_series_differ_by_pattern_and_by_marker() -> None:
    boxes = drawn(bars()).findall(f"{SVG}rect")
    assert [box.get("fill") for box in boxes] == ["currentColor", "url(#results-rising)", "currentColor"]
    both = [Series("a", [1, 2]), Series("b", [2, 3])]
    line = drawn(lines("latency", "Seconds", "how long", "From", ["1", "2"], both))
    assert len(line.findall(f"{SVG}circle")) == 2
    assert len(line.findall(f"{SVG}rect")) == 2
    dashes = [one.get("stroke-dasharray") for one in line.findall(f"{SVG}polyline")]
    assert dashes == [None, "5 3"]
    assert [entry.name for entry in bars().legend] == ["accepted", "rejected"]


def test_a_patterns_definition_is_there_under_its_own_name() -> None:
    many = [Series(str(number), [1]) for number in range(6)]
    plot = stacked_bars("six", "Six", "", "From", ["1"], many)
    tree = drawn(plot)
    defined = {f"url(#{one.get('id')})" for one in tree.iter(f"{SVG}pattern")}
    used = {box.get("fill") for box in tree.findall(f"{SVG}rect")} - {"currentColor"}
    assert used == defined
    assert len(defined) == 5


def test_a_screen_reader_is_told_title_and_description() -> None:
    tree = drawn(bars())
    assert tree.get("role") == "img"
    ids = (tree.get("aria-labelledby") or "").split()
    assert [element.get("id") for element in tree if element.tag in (f"{SVG}title", f"{SVG}desc")] == ids
    assert [element.text for element in tree if element.get("id") in ids] == ["Logins", "4 and 1"]


def test_the_figures_are_there_as_a_table() -> None:
    assert bars().head == ("From", "accepted", "rejected")
    assert bars().rows == [["10:00", "3", "1"], ["11:00", "1", "0"], ["12:00", "0", "0"]]
    plot = lines("l", "t", "d", "From", ["1", "2"], [Series("a", [None, 1.25])], " s")
    assert plot.rows == [["1", "–"], ["2", "1.25 s"]]


def test_a_line_is_interrupted_where_nothing_is_known() -> None:
    plot = lines("l", "t", "d", "From", list("12345"), [Series("a", [1, 2, None, 3, 4])])
    assert [len((one.get("points") or "").split()) for one in drawn(plot).findall(f"{SVG}polyline")] == [2, 2]


def test_every_text_is_escaped() -> None:
    one = [Series(HOSTILE, [1])]
    for plot in (
        stacked_bars("a", HOSTILE, HOSTILE, HOSTILE, [HOSTILE], one),
        lines("b", HOSTILE, HOSTILE, HOSTILE, [HOSTILE], one),
        level_bars("c", HOSTILE, HOSTILE, (HOSTILE, HOSTILE), [(HOSTILE, 3)]),
    ):
        assert HOSTILE in "".join(drawn(plot).itertext())


@pytest.mark.parametrize("most", [0, 1, 7, 999, 123_456])
def test_no_bar_is_higher_than_the_plot(most: int) -> None:
    plot = stacked_bars("a", "t", "d", "f", ["1"], [Series("s", [most])])
    assert all(0 <= float(box.get("y", "0")) <= 170 for box in drawn(plot).findall(f"{SVG}rect"))


def test_nothing_at_all_can_be_drawn() -> None:
    assert drawn(stacked_bars("a", "t", "d", "f", [], [])) is not None
    assert drawn(level_bars("b", "t", "d", ("x", "y"), [])) is not None
