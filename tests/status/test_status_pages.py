"""``/``, ``/status`` and ``/status.json`` of the real daemon, and what administrators see besides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authproxy.secondfactor.roles import Role
from tests.panel.panelhost import PanelHost


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    host = PanelHost.make(tmp_path_factory.mktemp("status")).start()
    yield host
    host.stop()


def looked(panel: PanelHost) -> dict[str, Any]:
    """As soon as the board has been looked at once."""
    anybody, give_up = panel.browser(None), time.monotonic() + 60
    while not (shown := anybody.get("/status.json").json())["components"]:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    return shown


def test_everybody_sees_that_all_is_well_and_nothing_else(panel: PanelHost) -> None:
    shown = looked(panel)
    assert shown["status"] == "up"
    assert [(each["component"], each["status"]) for each in shown["components"]] == [
        ("database", "up"),
        ("second factor", "up"),
        ("push delivery", "up"),
    ]
    database = shown["components"][0]
    assert set(database) == {"component", "status", "since", "days"}
    assert len(database["days"]) == 7
    assert database["days"][-1]["up_share"] in (None, 1.0)  # None: in the second of the first look
    assert database["days"][0] == {"day": database["days"][0]["day"], "worst": "unknown", "up_share": None}


def test_the_page_shows_the_same_to_people(panel: PanelHost) -> None:
    looked(panel)
    page = panel.browser(None).get("/status")
    assert page.status == 200
    assert "✓ working" in page.text
    assert "Second factor" in page.text
    assert page.html.count("<h1>") == 1
    assert " style=" not in page.html


def test_administrators_see_details_and_strangers_do_not_come_to_them(panel: PanelHost) -> None:
    looked(panel)
    page = panel.browser(Role.READ_ONLY).get("/admin/status")
    assert page.status == 200
    assert "lately 0 were taken, 0 failed" in page.text
    assert "lately" not in panel.browser(None).get("/status").text
    assert panel.browser(None).get("/admin/status").status in (302, 303)


def test_the_bare_address_leads_to_the_pages_there_are(panel: PanelHost) -> None:
    page = panel.browser(None).get("/")
    assert page.status == 200
    for path in ("/portal/", "/admin/", "/status"):
        assert f'href="{path}"' in page.html


def test_an_address_that_leads_nowhere_is_a_page_to_people_and_an_envelope_to_programs(panel: PanelHost) -> None:
    anybody = panel.browser(None)
    for path in ("/nowhere", "/admin/nowhere", "/portal/nowhere"):
        page = anybody.get(path, {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "de"})
        assert (page.status, "Diese Seite gibt es nicht" in page.text) == (404, True)
        assert 'href="/"' in page.html
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert anybody.get(path).json()["code"] == 40401


def test_changes_are_written_down(panel: PanelHost, tmp_path: Path) -> None:
    from authproxy.store.tables import status_changes

    looked(panel)
    with panel.reading() as connection:
        rows = connection.execute(status_changes.select()).all()
    assert {(row.component, row.state) for row in rows} >= {("database", "up"), ("push delivery", "up")}
