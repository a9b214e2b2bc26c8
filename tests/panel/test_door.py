"""Who comes to a page of the panel, and from where."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from authproxy.secondfactor.roles import Role
from tests.panel.panelhost import PanelHost


def test_nobody_is_led_to_the_login(panel: PanelHost) -> None:
    answer = panel.browser(None).get("/admin/users?text=a")
    assert (answer.status, answer.location) == (303, "/admin/login?next=%2Fadmin%2Fusers%3Ftext%3Da")


def test_a_form_of_another_host_changes_nothing(panel: PanelHost) -> None:
    answer = panel.browser().post("/admin/users/add", {"name": "mallory"}, Origin="https://evil.example")
    assert answer.status == 403
    assert panel.browser().get("/admin/users/export.json?text=mallory").json() == []


def test_a_form_without_its_token_changes_nothing(panel: PanelHost) -> None:
    browser = panel.browser()
    browser.csrf = "guessed"
    assert browser.post("/admin/users/add", {"name": "mallory"}).status == 403


def test_a_role_that_may_not_is_refused(panel: PanelHost) -> None:
    assert panel.browser(Role.HELP_DESK).post("/admin/users/add", {"name": "mallory"}).status == 403
    assert panel.browser(Role.BILLING).get("/admin/users").status == 403
    assert panel.browser(Role.READ_ONLY).get("/admin/users").status == 200


@pytest.mark.parametrize(
    "wanted", ["//[", "https://[x", "//evil.example", "/\\evil.example", "/admin/login", "javascript:0"]
)
def test_after_the_login_one_is_nowhere_but_in_the_panel(panel: PanelHost, wanted: str) -> None:
    answer = panel.browser().get(f"/admin/login?next={quote(wanted, safe='')}")
    assert (answer.status, answer.location) == (303, "/admin/")
    assert panel.browser(None).get(f"/admin/login?next={quote(wanted, safe='')}").inputs()["next"] == "/admin/"


@pytest.mark.parametrize(
    "behind", ["1:99999999999999999999", "nan:1", "inf:1", "1e400:1", "1:-99999999999999999999"]
)
def test_a_place_that_no_log_has_is_its_beginning(panel: PanelHost, behind: str) -> None:
    for log in ("authentication", "telephony", "administrators"):
        assert panel.browser().get(f"/admin/logs/{log}?behind={behind}").status == 200


def test_what_a_key_says_may_be_of_any_depth(panel: PanelHost) -> None:
    answer = panel.browser().post("/admin/account/keys/add", {"credential": "[" * 20_000, "name": "k"})
    assert answer.status == 400
