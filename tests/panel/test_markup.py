"""Whatever is stored, no page gives a browser a tag, a script or a style that is not the page's own."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.panel.everything import fill, paths
from tests.panel.panelhost import Browser, PanelHost

MARKUP = "<script>alert(1)</script>'\"&"


class Inspector(HTMLParser):
    """Finds what the page must not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in named):
            self.problems.append(f"inline <{tag}>")
        if tag == "script":
            self._inside = tag
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.problems.append(f"{name}= on <{tag}>")
            if name in ("href", "action", "src") and (value or "").strip().lower().startswith(
                ("javascript:", "data:")
            ):
                self.problems.append(f"{name}={value} on <{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.problems.append(f"text within <{self._inside}>")


def problems_of(html: str) -> list[str]:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    found = list(inspector.problems)
    if "<script>alert" in html or "</script>'" in html:
        found.append("the markup as it is stored")
    return found


def test_the_inspector_sees_what_it_is_for() -> None:
    assert problems_of("<p>fine &lt;script&gt;alert(1)&lt;/script&gt;</p><script src='/a.js'></script>") == []
    for bad in (MARKUP, "<p style='x'>", "<p onclick=x>", "<style>p{}</style>", "<a href=' javascript:x'>"):
        assert problems_of(bad), bad


@pytest.fixture(scope="module")
def marked(panel: PanelHost) -> tuple[Browser, dict[str, str]]:
    parameters = fill(panel, MARKUP)
    browser = panel.browser()
    return browser, parameters


def test_no_stored_text_becomes_markup_on_any_page(marked: tuple[Browser, dict[str, str]]) -> None:
    browser, parameters = marked
    queries = ("", f"?user={parameters['user']}", "?text=alert%281%29&q=alert%281%29&name=%3Cscript%3Ealert(1)")
    bad, seen, escaped = [], 0, 0
    for path in paths(parameters):
        for query in queries:
            answer = browser.get(path + query)
            if answer.status == 500:
                bad.append(f"{path}{query}: 500")
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            seen += answer.status == 200
            if path.endswith("/html"):  # a mail as it was received, in a frame that runs nothing
                policy = answer.headers["content-security-policy"]
                bad += [] if "sandbox" in policy and "default-src 'none'" in policy else [f"{path}: {policy}"]
                continue
            escaped += "&lt;script&gt;alert(1)" in answer.html
            bad += [f"{path}{query}: {problem}" for problem in problems_of(answer.html)]
    assert bad == []
    assert seen > 40
    assert escaped > 30


def test_no_typed_text_becomes_markup_in_a_refusal(marked: tuple[Browser, dict[str, str]]) -> None:
    browser, parameters = marked
    posts = {
        "users/add": {"name": "m", "email": MARKUP},
        "groups/add": {"name": MARKUP + "\x01"},
        "phones/add": {"user": parameters["user"], "number": MARKUP},
        "tokens/add": {"serial": MARKUP, "type": MARKUP, "secret": MARKUP},
        "applications/add": {"name": MARKUP, "type": MARKUP},
        f"users/{parameters['user']}/code": {"code": MARKUP},
        f"users/{parameters['user']}/bypass": {"uses": MARKUP, "minutes": MARKUP},
    }
    for path, fields in posts.items():
        answer = browser.post(f"/admin/{path}", fields)
        assert answer.status == 400, path
        assert problems_of(answer.html) == [], path


def test_templates_hold_no_script_or_style_of_their_own() -> None:
    folder = Path(__file__).parents[2] / "authproxy/web/templates/admin"
    for path in folder.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style|<script(?! src)", text), path
