"""Rows of files: CSV and YAML come to the same, and what is wrong is told by line and never quoted."""

from __future__ import annotations

import pytest

from authproxy.secondfactor.rows import BadRow, Columns, read_csv, read_yaml

COLUMNS = Columns((("name",), ("secret", "secret_hex")), ("note",))
WANTED = "name, secret or secret_hex, note"


def test_csv_and_yaml_give_the_same_rows() -> None:
    expected = [{"name": "a", "secret": "x", "note": ""}, {"name": "b", "secret": "y", "note": "z"}]
    csv = "Name, SECRET ,note\na,x\n\n ,,\n b , y ,z\n"
    rows, bad = read_csv(csv, COLUMNS)
    assert ([dict(row) for _, row in rows], [line for line, _ in rows], bad) == (expected, [2, 5], [])
    yaml = "- name: a\n  secret: x\n  note:\n# a remark\n- {Name: b, secret: ' y ', note: z}\n"
    rows, bad = read_yaml(yaml, COLUMNS)
    assert ([dict(row) for _, row in rows], [line for line, _ in rows], bad) == (expected, [1, 5], [])


def test_yaml_words_are_text() -> None:
    rows, _ = read_yaml(
        "- {name: no, secret: 0x1f, note: 007}\n- {name: 2020-01-01, secret: 'null', note: ~}", COLUMNS
    )
    assert [tuple(row.values()) for _, row in rows] == [("no", "0x1f", "007"), ("2020-01-01", "null", "")]


def test_semicolons_and_quoted_cells_of_several_lines_are_read() -> None:
    rows, bad = read_csv('name;secret\n"a;\nb";x\nc;y\n', COLUMNS)
    assert rows == [(2, {"name": "a;\nb", "secret": "x"}), (4, {"name": "c", "secret": "y"})]
    assert bad == []


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("", BadRow(1, "the header: no column name")),
        ("\n\ncanary,k7\n", BadRow(3, f"the header: column 1, 2 has no name that is known; wanted {WANTED}")),
        ("name,note\n", BadRow(1, "the header: no column secret or secret_hex")),
        ("name,secret,secret\n", BadRow(1, "the header: two columns have the same name")),
        ("name,secret,secret_hex\n", BadRow(1, "the header: more than one column secret or secret_hex")),
        ("name,secret\na,canary,b\n", BadRow(2, "3 columns where the header names 2")),
        ('name,secret\n"a"b,canary\n', BadRow(2, "no CSV: ',' expected after '\"'")),
        ('name,secret\n"a,canary\n', BadRow(2, "no CSV: unexpected end of data")),
        ('"name\n', BadRow(1, "no CSV: unexpected end of data")),
        (f"name,secret\n{'a' * 140_000},x\n", BadRow(2, "no CSV: field larger than field limit (131072)")),
    ],
)
def test_what_is_wrong_with_a_csv_file(text: str, bad: BadRow) -> None:
    assert read_csv(text, COLUMNS)[1] == [bad]
    assert "canary" not in bad.problem


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("", BadRow(1, f"wanted a list of mappings with {WANTED}")),
        ("name: a\n", BadRow(1, f"wanted a list of mappings with {WANTED}")),
        ("- {name: a, secret: x}\n- canary\n", BadRow(2, f"wanted a mapping of names to words, with {WANTED}")),
        ("- {name: [canary], secret: x}\n", BadRow(1, f"wanted a mapping of names to words, with {WANTED}")),
        (
            "\n- {name: a, secret: x, canary: b}\n",
            BadRow(2, f"column 3 has no name that is known; wanted {WANTED}"),
        ),
        ("- {name: a}\n", BadRow(1, "no column secret or secret_hex")),
        ("- name: a\n  secret: *canary\n", BadRow(2, "this is no YAML, near column 11")),
        ("- name: a\n secret: b\n", BadRow(2, "this is no YAML, near column 2")),
        ("[" * 5000, BadRow(1, "this is no YAML")),
    ],
)
def test_what_is_wrong_with_a_yaml_file(text: str, bad: BadRow) -> None:
    assert read_yaml(text, COLUMNS) == ([], [bad]) or read_yaml(text, COLUMNS)[1] == [bad]
    assert "canary" not in bad.problem
