"""The help desk's work as it is done with a browser, with scripts and without."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from authproxy.secondfactor.phones import add_phone, list_phones
from authproxy.secondfactor.roles import Role
from tests.panel.panelhost import PanelHost
from tests.phone.chromium import Chromium, width_of


def test_a_bypass_code_is_two_clicks_from_the_users_page(panel: PanelHost, chromium: Chromium) -> None:
    user = panel.user("forgetful")

    def work() -> str:
        page = panel.page(chromium.browser, Role.HELP_DESK)
        with page.context:
            page.goto(f"/admin/users/{user.id}")
            page.get_by_role("link", name="Bypass code", exact=True).click()
            page.get_by_role("button", name="Make a bypass code").click()
            code = str(page.locator("code.secret").inner_text())
            expect(page.locator("main")).to_contain_text("Good for one login.")
            page.get_by_role("link", name="Back to the user").click()
            page.get_by_role("heading", level=1, name="forgetful").wait_for()
            page.wait_for_load_state()
            assert code not in page.content()
            return code

    assert re.fullmatch(r"\d{9}", chromium.run(work))


def test_a_lost_phone_leads_to_a_new_one(panel: PanelHost, chromium: Chromium) -> None:
    user = panel.user("careless")
    with panel.writing() as connection:
        add_phone(connection, user, "+15555550101", "old phone")

    def work() -> None:
        page = panel.page(chromium.browser, Role.HELP_DESK, width=320)
        with page.context:
            page.goto(f"/admin/users/{user.id}")
            assert width_of(page) <= 320
            page.get_by_role("link", name="Lost or stolen").click()
            expect(page.locator("main")).to_contain_text("This is the user's last device.")
            page.get_by_label("A new phone, added and activated now").check()
            page.get_by_role("button", name="Delete the phone").click()
            expect(page).to_have_title(re.compile("Add a phone for careless"))
            page.get_by_label("Number", exact=True).fill("+1 555 555 0102")
            page.get_by_label("Name", exact=True).fill("new phone")
            page.get_by_role("button", name="Add", exact=True).click()
            page.get_by_role("button", name="Show a QR code and the link").click()
            page.locator("svg[role=img]").wait_for()
            expect(page.locator("code.secret")).to_contain_text("/phone/activate#")
            assert width_of(page) <= 320

    chromium.run(work)
    with panel.reading() as connection:
        assert [phone.name for phone in list_phones(connection, user)] == ["new phone"]


def test_the_list_of_users_follows_what_is_typed(panel: PanelHost, chromium: Chromium) -> None:
    for name in ("livesearch1", "livesearch2"):
        panel.user(name)

    def work() -> None:
        page = panel.page(chromium.browser, Role.READ_ONLY)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        with page.context:
            page.goto("/admin/users?text=livesearch")
            expect(page.locator("tbody tr")).to_have_count(2)
            page.get_by_label("Name, mail, phone or serial").fill("livesearch2")
            expect(page.locator("tbody tr")).to_have_count(1)
            expect(page).to_have_url(re.compile("text=livesearch2"))
        assert problems == []

    chromium.run(work)
