"""The example file and the option reference can't drift from the schema."""

from __future__ import annotations

from pathlib import Path

from authproxy.config import ini, reference
from authproxy.config.sections import SECTION_TYPES
from authproxy.config.validate import check

ROOT = Path(__file__).parents[2]
HOW = "run: python -m authproxy.config.reference"


def test_example_file_is_what_the_schema_writes() -> None:
    assert (ROOT / reference.EXAMPLE).read_text(encoding="utf-8") == reference.example(), HOW


def test_option_reference_is_what_the_schema_writes() -> None:
    assert (ROOT / reference.REFERENCE).read_text(encoding="utf-8") == reference.reference(), HOW


def test_example_is_ready_to_use() -> None:
    checked = check(ini.parse(reference.example(), "example"))
    assert [problem.render() for problem in checked.problems] == []
    assert [section.name for section in checked.sections] == ["main", "service", "ad_client", "radius_server_auto"]


def test_example_without_its_comment_marks_is_sound_too() -> None:
    lines = [
        line.removeprefix(";") if line.startswith(";") and not line.startswith("; ") else line
        for line in reference.example().split("\n")
    ]
    problems = check(ini.parse("\n".join(lines), "example")).problems
    expected = {"port", "client"}  # every server on one port, and none but the first names its client
    assert {problem.key for problem in problems if problem.severity == "error"} <= {*expected, ""}
    assert not [problem for problem in problems if "unknown" in problem.message or problem.message == "bad value"]


def test_reference_names_every_option() -> None:
    text = reference.reference()
    for section in SECTION_TYPES.values():
        assert f"## [{section.name}]" in text
    assert text.count("\n| `") == sum(len(section.options) for section in SECTION_TYPES.values())
