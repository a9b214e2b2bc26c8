"""The dashboard, the status pages and the front page in Chromium: every width, light and dark."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.panel.conftest import chromium  # noqa: F401
from tests.panel.panelhost import PanelHost
from tests.panel.test_dashboard import add
from tests.peers.axe import violations
from tests.phone.chromium import Chromium

PATHS = ("/admin/", "/admin/?window=week", "/admin/status", "/status", "/")


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    host = PanelHost.make(tmp_path_factory.mktemp("pages") / "host", "request_rate=0\npassword_rate=1000")
    for back in range(0, 86_400, 1800):
        add(host.api.database, time.time() - back, took=1 + back % 7)
        add(host.api.database, time.time() - back, "reject", "bad password", "")
    host.start()
    yield host
    host.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_them_at_every_width(panel: PanelHost, chromium: Chromium, scheme: str) -> None:  # noqa: F811
    def look() -> dict[str, list[str]]:
        found = {}
        page = panel.page(chromium.browser)
        page.emulate_media(color_scheme=scheme)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        for path in PATHS:
            page.goto(path)
            for summary in page.locator("main summary").all():
                summary.click()
            wide = []
            for width in (1440, 768, 320):
                page.set_viewport_size({"width": width, "height": 900})
                wide.append(
                    page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                )
            found[path] = [*violations(page), *problems, *(f"{by} px too wide" for by in wide if by)]
        page.context.close()
        return found

    assert {where: what for where, what in chromium.run(look).items() if what} == {}
