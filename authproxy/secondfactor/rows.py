"""Files that administrators import: rows under named columns, as CSV or YAML. What is wrong is told by line.

Nothing that stands in the file is quoted here: it may be a seed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import yaml

Row = tuple[int, Mapping[str, str]]
"""A line, and what stands there under the name of each column: without blanks around it, empty if nothing."""

_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a file that can't be imported. Lines count from 1."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Columns:
    """``required``: names of which one is needed, as in ``(("serial",), ("secret", "secret_hex"))``."""

    required: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join([" or ".join(names) for names in self.required] + list(self.optional))

    def problem(self, found: Iterable[str]) -> str:
        """What is wrong with the columns that were found; empty: nothing."""
        names = list(found)
        known = {*self.optional, *(name for choice in self.required for name in choice)}
        strange = [str(at) for at, name in enumerate(names, start=1) if name not in known]
        if strange:
            return f"column {', '.join(strange)} has no name that is known; wanted {self}"
        if len(set(names)) < len(names):
            return "two columns have the same name"
        for choice in self.required:
            count = len(set(choice) & set(names))
            if count != 1:
                return f"{'no column' if count == 0 else 'more than one column'} {' or '.join(choice)}"
        return ""


def read_csv(text: str, columns: Columns) -> tuple[list[Row], list[BadRow]]:
    """The first line names the columns, in any order and case; commas or semicolons between them."""
    header_line = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in header_line else ",", strict=True)
    lines = _lines(reader)
    rows: list[Row] = []
    bad: list[BadRow] = []
    try:
        header_at, header = next(lines, (1, []))
        names = [name.lower() for name in header]
        wrong = columns.problem(names)
        if wrong:
            return [], [BadRow(header_at, f"the header: {wrong}")]
        for line, cells in lines:
            if len(cells) > len(names):
                bad.append(BadRow(line, f"{len(cells)} columns where the header names {len(names)}"))
            else:
                rows.append((line, dict(zip_longest(names, cells, fillvalue=""))))
    except csv.Error as error:
        bad.append(BadRow(reader.line_num, f"no CSV: {error}"))
    return rows, bad


def _lines(reader: Iterable[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Those that are not empty, with the number of their first line."""
    begins = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begins, [cell.strip() for cell in cells]
        begins = getattr(reader, "line_num", begins) + 1


def read_yaml(text: str, columns: Columns) -> tuple[list[Row], list[BadRow]]:
    """A list of mappings. Values are taken as they are written: ``007`` and ``no`` are text."""
    try:
        listed = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", near column {mark.column + 1}" if mark else ""
        return [], [BadRow(mark.line + 1 if mark else 1, f"this is no YAML{at}")]
    if not isinstance(listed, yaml.SequenceNode):
        return [], [BadRow(1, f"wanted a list of mappings with {columns}")]
    rows: list[Row] = []
    bad: list[BadRow] = []
    for node in listed.value:
        line = node.start_mark.line + 1
        row = _mapping(node)
        wrong = f"wanted a mapping of names to words, with {columns}" if row is None else columns.problem(row)
        if row is None or wrong:
            bad.append(BadRow(line, wrong))
        else:
            rows.append((line, row))
    return rows, bad


def _mapping(node: yaml.Node) -> dict[str, str] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    row = {}
    for name, value in node.value:
        if not isinstance(name, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            return None
        row[name.value.strip().lower()] = "" if value.tag == _NULL else value.value.strip()
    return row
