"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and is fresh."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from authproxy.cli import reference
from tests.docs.pages import PAGES, ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="make docs installs it")
    site = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return site


def test_every_page_is_in_it_and_every_link_leads_somewhere(built: Path) -> None:
    pages = [page for page in PAGES if page.name != "README.md"]
    assert {page.stem for page in pages} <= {page.stem for page in built.rglob("*.html")}


def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    loaded = re.compile(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"']?(https?://[^\"' >]+)")
    found = {match for page in built.rglob("*.html") for match in loaded.findall(page.read_text("utf-8"))}
    assert found == set()


def test_every_page_is_in_the_navigation() -> None:
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    listed = {name for part in navigation for names in part.values() for name in names}
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.name != "README.md"}
    assert {page for page in pages if not page.startswith("decisions/0")} == listed, "see nav in mkdocs.yml"


def test_every_decision_is_in_their_list() -> None:
    listed = (ROOT / "docs/decisions/index.md").read_text("utf-8")
    assert [path.name for path in (ROOT / "docs/decisions").glob("0*.md") if f"({path.name})" not in listed] == []


def test_the_reference_of_commands_is_what_they_say() -> None:
    written = (ROOT / reference.REFERENCE).read_text("utf-8")
    assert written == reference.reference(), "run: python -m authproxy.cli.reference"
