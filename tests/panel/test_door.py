"""Who comes to a page of the panel, and from where."""

from __future__ import annotations

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
