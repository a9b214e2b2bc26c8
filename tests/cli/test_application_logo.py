"""``authproxy application logo``: a PNG goes in and comes out the same; anything else is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import segno

from authproxy.secondfactor.logo import LARGEST
from tests.cli.console import Console


def png(directory: Path, text: str = "a logo") -> Path:
    path = directory / f"{text}.png"
    segno.make(text).save(str(path))
    return path


def test_a_logo_is_kept_shown_replaced_and_deleted(console: Console, tmp_path: Path) -> None:
    first, second, out = png(tmp_path), png(tmp_path, "another, longer one"), tmp_path / "out.png"
    assert console.json("application", "logo", "set", first)["bytes"] == first.stat().st_size
    console.run("application", "logo", "set", second)
    shown = console.json("application", "logo", "show", "--output", out)
    assert shown["width"] == shown["height"] > 20
    assert out.read_bytes() == second.read_bytes()
    console.run("application", "logo", "delete")
    assert "there is no logo" in console.fails("application", "logo", "show")
    assert "there is no logo" in console.fails("application", "logo", "delete")
    assert [action for action, *_ in console.audit()] == ["logo set", "logo set", "logo delete"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no PNG"),
        (b"GIF89a", "no PNG"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a whole one"),
        (b"\x89PNG\r\n\x1a\n" + bytes(LARGEST), f"wanted at most {LARGEST}"),
    ],
)
def test_what_is_no_logo_changes_nothing(console: Console, tmp_path: Path, content: bytes, problem: str) -> None:
    kept, bad = png(tmp_path), tmp_path / "bad.png"
    bad.write_bytes(content)
    console.run("application", "logo", "set", kept)
    assert problem in console.fails("application", "logo", "set", bad)
    assert console.json("application", "logo", "show")["bytes"] == kept.stat().st_size


def test_a_file_that_is_not_there_is_said_in_one_line(console: Console, tmp_path: Path) -> None:
    assert "can't be read" in console.fails("application", "logo", "set", tmp_path / "missing.png")


def test_a_logo_cut_anywhere_is_refused(console: Console, tmp_path: Path) -> None:
    whole, cut = png(tmp_path).read_bytes(), tmp_path / "cut.png"
    for end in (8, 20, 29, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:end])
        assert "PNG" in console.fails("application", "logo", "set", cut)
