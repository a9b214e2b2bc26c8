"""Pages of policies, settings and billing in Chromium: for everybody, and as wide as a small phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.panel.panelhost import PanelHost
from tests.panel.test_policy_pages import POLICIES, add, save
from tests.peers.axe import violations
from tests.phone.chromium import Chromium, width_of


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0\npassword_rate=1000").start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def paths(panel: PanelHost) -> list[str]:
    owner = panel.browser()
    path = add(owner, "Strict")
    save(owner, path, "Strict", factors={"allowed": ["verified_push", "security_key"]})
    owner.submit(f"{POLICIES}/assigned", {"application": "auth", "policy": path.rpartition("/")[2]})
    owner.submit("/admin/billing/enter", {"kind": "purchase", "amount": "250", "note": "invoice 7"})
    limits = {"telephony_warning_min": "500", "telephony_at_zero": "send"}
    owner.fill("/admin/billing/settings", limits, "/admin/billing")
    return [
        POLICIES,
        f"{POLICIES}/add",
        path,
        f"{POLICIES}/assigned?application=auth",
        f"{POLICIES}/effective?application=auth&user=alice",
        "/admin/settings",
        "/admin/billing",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(panel: PanelHost, chromium: Chromium, paths: list[str], scheme: str) -> None:
    def work() -> dict[str, object]:
        page = panel.page(chromium.browser)
        page.emulate_media(color_scheme=scheme)
        found: dict[str, object] = {}
        for path in paths:
            page.goto(path)
            found[path] = violations(page)
        page.context.close()
        return {path: lines for path, lines in found.items() if lines}

    assert chromium.run(work) == {}


def test_no_page_is_wider_than_a_small_phone(panel: PanelHost, chromium: Chromium, paths: list[str]) -> None:
    def work() -> dict[str, int]:
        page, widths = panel.page(chromium.browser, width=320), {}
        for path in paths:
            page.goto(path)
            widths[path] = width_of(page)
        page.context.close()
        return {path: width for path, width in widths.items() if width > 320}

    assert chromium.run(work) == {}
