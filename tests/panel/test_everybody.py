"""Every page of the panel is for everybody: axe-core finds nothing, in light and dark, and none is too wide."""

from __future__ import annotations

from functools import partial

from authproxy.secondfactor.roles import Role
from tests.panel.everything import fill, paths
from tests.panel.panelhost import COOKIE, PanelHost
from tests.peers.axe import violations
from tests.phone.chromium import Chromium, width_of

_FEWEST = 40  # pages; a walk that finds none proves nothing


def test_axe_finds_nothing_on_any_page(panel: PanelHost, chromium: Chromium) -> None:
    parameters = fill(panel, "What somebody has written")
    opened = panel.open_session(Role.OWNER)

    def look(scheme: str, *rules: str) -> tuple[int, list[str]]:
        context = chromium.device(scheme, 320, 900)
        cookie = {"name": COOKIE, "value": opened.cookie, "url": panel.url, "secure": True, "httpOnly": True}
        context.add_cookies([{**cookie, "sameSite": "Strict"}])  # type: ignore[list-item]
        page, seen, found = context.new_page(), 0, []
        for path in paths(parameters):
            answer = page.goto(f"{panel.url}{path}")
            if answer is None or not answer.text().startswith("<!doctype html>"):
                continue  # a part of a page, or a mail in its frame
            seen += answer.status == 200
            found += [f"{path}: {each}" for each in violations(page, *rules)]
            width = width_of(page)
            found += [f"{path}: {width} px wide"] if width > 320 else []
        context.close()
        return seen, found

    for asked in (("light",), ("dark", "color-contrast")):
        seen, found = chromium.run(partial(look, *asked))
        assert found == []
        assert seen > _FEWEST
