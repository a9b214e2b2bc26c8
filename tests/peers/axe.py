"""axe-core, which finds what keeps people with disabilities out of a page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

_RUN = """(rules) => axe
  .run(document, { resultTypes: ["violations"], ...(rules && { runOnly: rules }) })
  .then((found) => found.violations.map(
    (each) => `${each.id}: ${each.help}: ${each.nodes.map((node) => node.html).join(" | ")}`))"""


@cache
def _source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def violations(page: Page, *rules: str) -> list[str]:
    """One line per rule that the page as it is shown now breaks. ``rules``: those to look at; every one if none is
    named. In the browser's thread."""
    page.wait_for_load_state()  # without its styles, or half of it, it breaks others
    page.evaluate(_source())
    found: list[Any] = page.evaluate(_RUN, list(rules) or None)
    return [str(each) for each in found]
