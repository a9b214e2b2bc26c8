"""What the phone's app says: the same in every language, and from one place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from authproxy.web.phone.files import FOLDER

_LINE = re.compile(r'^  "([\w-]+)": "(.*)",$', re.MULTILINE)
_PLACE = re.compile(r"\{\w+\}")
_MODULES = sorted(path for path in FOLDER.glob("*.js") if path.name != "texts.js")


def _tables() -> tuple[dict[str, str], dict[str, str]]:
    source = (FOLDER / "texts.js").read_text()
    english, german = (
        dict(_LINE.findall(source.split(f"const {name} = {{")[1].split("};")[0])) for name in ("ENGLISH", "GERMAN")
    )
    return english, german


def test_german_says_all_that_english_says_with_the_same_places() -> None:
    english, german = _tables()
    assert len(english) > 50
    assert list(german) == list(english)
    for name, said in english.items():
        assert set(_PLACE.findall(german[name])) == set(_PLACE.findall(said)), name


def test_texts_that_are_asked_for_are_there_and_no_other() -> None:
    english, _ = _tables()
    source = "".join(path.read_text() for path in _MODULES) + (FOLDER / "index.html").read_text()
    named = set(re.findall(r'(?:text\(|data-text=|data-label=)"([\w-]+)"', source))
    assert len(named) > 30
    assert named <= set(english)


def test_the_other_modules_have_no_text_of_their_own() -> None:
    """A text for people is a string of several words, or one that begins with a capital letter."""
    for path in _MODULES:
        code = re.sub(r"^\s*//.*$|//[^\"`]*$", "", path.read_text(), flags=re.MULTILINE)
        spoken = [
            each
            for each in re.findall(r'"([^"\n]*)"', code)
            if re.fullmatch(r"[A-Z][a-z][\w',.]*( [\w',.?]+)+|[\w']+ [\w']+ [\w',.? ]+", each)
        ]
        assert [each for each in spoken if each not in _NO_TEXTS] == [], path.name


def test_what_the_page_shows_before_a_script_runs_is_in_the_table() -> None:
    english, _ = _tables()

    class Marked(HTMLParser):
        name: str | None = None
        found: dict[str, str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            self.name = given.get("data-text")
            if given.get("data-label"):
                self.found[str(given["data-label"])] = str(given["aria-label"])

        def handle_data(self, data: str) -> None:
            if self.name and data.strip():
                self.found[self.name] = data.strip()
                self.name = None

    page = Marked()
    page.found = {}
    page.feed((FOLDER / "index.html").read_text())
    assert page.found == {name: english[name] for name in page.found}
    assert {"app", "skip", "requests", "notifications"} <= set(page.found)


_NO_TEXTS = ("authproxy phone 1", "apple ios", "google android", "generic smartphone")
