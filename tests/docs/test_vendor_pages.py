"""Each page about an appliance has a configuration that works, and is found from the overview."""

from __future__ import annotations

from pathlib import Path

import pytest

from authproxy.config import ini
from authproxy.config.validate import check
from tests.docs.pages import ROOT, blocks, name_of

VENDORS = ROOT / "docs" / "vendors"
PAGES = sorted(page for page in VENDORS.glob("*.md") if page.name != "index.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_its_configuration_has_no_problem_and_serves_a_section(page: Path) -> None:
    texts = [block.text for block in blocks(page) if block.language == "ini"]
    assert texts
    for text in texts:
        checked = check(ini.parse(text, page.name), syntax_only=True)
        assert [problem.render() for problem in checked.problems] == []
        assert any(section.name.startswith("radius_server") for section in checked.sections)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_login_is_rejected_before_the_appliance_gives_up(page: Path) -> None:
    """Its page says how long it waits; 60 seconds is what all should."""
    (text,) = [block.text for block in blocks(page) if block.language == "ini"]
    server = check(ini.parse(text, page.name), syntax_only=True).sections[-1]
    assert server.is_given("appliance_timeout")
    assert server.seconds("appliance_timeout") < 60


def test_the_overview_has_every_page() -> None:
    overview = (VENDORS / "index.md").read_text("utf-8")
    assert len(PAGES) >= 12
    assert [page.name for page in PAGES if f"]({page.name})" not in overview] == []
