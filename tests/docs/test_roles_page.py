"""docs/roles.md has the table that the service goes by."""

from __future__ import annotations

from pathlib import Path

from authproxy.secondfactor.roles import MATRIX, Permission, Role

PAGE = Path(__file__).parents[2] / "docs" / "roles.md"


def test_the_table_on_the_page_is_the_matrix() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("|") and not line.startswith("|-")
    ]
    heading, *body = rows
    told = {
        Role(role): frozenset(Permission(row[0]) for row in body if row[at] == "yes")
        for at, role in enumerate(heading[1:], 1)
    }
    assert told == MATRIX
    assert {cell for row in body for cell in row[1:]} == {"yes", "no"}
