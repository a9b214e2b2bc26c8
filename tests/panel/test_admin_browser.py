"""Administrators in Chromium: security keys, and pages that everybody can read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from authproxy.secondfactor import admin_links, recovery_codes
from authproxy.secondfactor.administrators import Administrator, add_administrator
from authproxy.secondfactor.roles import Role
from tests.panel import people
from tests.panel.panelhost import PanelHost
from tests.peers.axe import violations
from tests.phone.chromium import Chromium, width_of

NEW = "walnut harbor lantern"
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PAGES = (
    "/admin/account",
    "/admin/account/password",
    "/admin/account/app",
    "/admin/account/keys/add",
    "/admin/confirm",
    "/admin/administrators",
    "/admin/administrators/add",
    "/admin/administrators/ID",
    "/admin/administrators/ID/delete",
    "/admin/administrators/nobody",
    "/admin/logs/administrators",
    "/admin/roles",
)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0\npassword_rate=1000").start()
    yield made
    made.stop()


def stranger(panel: PanelHost, chromium: Chromium, width: int = 1280, scheme: str = "light") -> Page:
    """Nobody's browser yet, with a security key plugged in."""
    context = chromium.device(scheme, width, 900)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    return page


def link(panel: PanelHost, admin: Administrator) -> str:
    with panel.writing() as connection:
        return admin_links.new_link(connection, admin, "activation", time.time()).url(panel.url)


def press(page: Page, name: str) -> None:
    """A button for security keys, which wants its script."""
    page.wait_for_load_state()
    page.get_by_role("button", name=name).click()


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_a_security_key_is_all_that_an_administrator_needs(panel: PanelHost, chromium: Chromium) -> None:
    """Registered by the one-time link, used to log in, to confirm, and joined by a second one."""
    with panel.writing() as connection:
        admin = add_administrator(connection, "keys@example.com", "Key Holder", Role.OWNER)
    path = link(panel, admin)

    def work() -> list[str]:
        page = stranger(panel, chromium)
        said = []
        page.goto(path)
        page.get_by_role("link", name="Use a security key instead").click()
        page.get_by_label("New password").fill(NEW)
        page.get_by_label("The same once more").fill(NEW)
        page.get_by_label("Name of the key").fill("Blue key")
        press(page, "Register a security key")
        page.get_by_role("heading", name="Your recovery codes").wait_for()
        said.append(heading(page))
        page.get_by_role("link", name="Log in").click()
        page.get_by_label("Mail address").fill("keys@example.com")
        page.get_by_label("Password").fill(NEW)
        page.get_by_role("button", name="Continue").click()
        press(page, "Use a security key")
        page.get_by_role("link", name="Key Holder").wait_for()
        page.goto(f"{panel.url}/admin/account")
        said.append(page.get_by_role("row").nth(1).get_by_role("rowheader").inner_text())
        with panel.writing() as connection:
            connection.exec_driver_sql("UPDATE sessions SET confirmed = 1")
        page.get_by_role("link", name="Change the password").click()
        page.get_by_role("heading", level=1, name="It is you, is it?").wait_for()
        page.wait_for_load_state()
        form = page.locator("form[data-webauthn]")
        form.get_by_label("Password").fill(NEW)
        form.get_by_role("button").click()
        page.get_by_role("heading", name="Change my password").wait_for()
        page.context.close()
        return said

    assert chromium.run(work) == ["All set", "Blue key"]
    assert panel.last_change("admin activation").detail == {"factor": "security key"}
    assert panel.last_change("admin login").detail == {"factor": "security key"}
    assert panel.last_change("security key add").actor == "admin:keys@example.com"


def test_the_only_key_stays_until_there_is_another_factor(panel: PanelHost, chromium: Chromium) -> None:
    admin = people.add(panel.api.database, "both@example.com", Role.OWNER, time.time(), panel.api.seeds)
    panel.admins[Role.USER_MANAGER] = admin

    def work() -> None:
        page = panel.page(chromium.browser, Role.USER_MANAGER)
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
        page.goto("/admin/account")
        page.get_by_role("link", name="Add a security key").click()
        press(page, "Register the key")
        page.get_by_text("Your security key is registered.").wait_for()
        page.get_by_role("button", name="Forget the app").click()
        expect(page.locator(".told")).to_have_text("Your authenticator app is forgotten.")
        page.get_by_role("button", name="Forget Security key").click()
        expect(page.locator(".problem")).to_contain_text("only second factor")
        page.context.close()

    chromium.run(work)


# ---------------------------------------------------------------- for everybody


def pages(panel: PanelHost) -> list[str]:
    return [path.replace("ID", panel.admins[Role.HELP_DESK].id) for path in PAGES]


def strangers(panel: PanelHost, page: Page) -> Iterator[str]:
    """The pages on the way in, one after the other."""
    name = f"way{time.monotonic_ns()}"
    admin = people.add(panel.api.database, f"{name}@example.com", Role.OWNER, time.time(), panel.api.seeds)
    with panel.writing() as connection:
        code = recovery_codes.new_codes(connection, panel.api.seeds, admin)[0]
    page.goto(link(panel, admin))
    yield "link"
    page.goto(f"{page.url}?with=key")
    yield "link for a key"
    page.goto(f"{panel.url}/admin/login")
    yield "login"
    page.get_by_label("Mail address").fill(admin.email)
    page.get_by_label("Password").fill("wrong password 1")
    page.get_by_role("button", name="Continue").click()
    page.locator(".problem").wait_for()
    yield "wrong password"
    page.get_by_label("Mail address").fill(admin.email)
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code of your").wait_for()
    yield "second factor"
    page.get_by_label("Code of your").fill(code)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name=admin.name).wait_for()
    page.goto(f"{panel.url}/admin/account")
    page.get_by_role("button", name="Make new recovery codes").click()
    page.get_by_role("heading", level=1, name="New recovery codes").wait_for()
    yield "recovery codes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(panel: PanelHost, chromium: Chromium, scheme: Any) -> None:
    def work() -> dict[str, list[str]]:
        found = {}
        page = panel.page(chromium.browser)
        page.emulate_media(color_scheme=scheme)
        for path in pages(panel):
            page.goto(path)
            found[path] = violations(page)
        page.context.close()
        page = stranger(panel, chromium, scheme=scheme)
        for name in strangers(panel, page):
            found[name] = violations(page)
        page.context.close()
        return {name: lines for name, lines in found.items() if lines}

    assert chromium.run(work) == {}


def test_no_page_is_wider_than_a_small_phone(panel: PanelHost, chromium: Chromium) -> None:
    def work() -> dict[str, int]:
        widths = {}
        page = panel.page(chromium.browser, width=320)
        for path in pages(panel):
            page.goto(path)
            widths[path] = width_of(page)
        page.context.close()
        page = stranger(panel, chromium, width=320)
        for name in strangers(panel, page):
            widths[name] = width_of(page)
        page.context.close()
        return {name: width for name, width in widths.items() if width > 320}

    assert chromium.run(work) == {}


def test_titles_are_unique_and_are_the_heading(panel: PanelHost, chromium: Chromium) -> None:
    def work() -> list[tuple[str, str]]:
        page = panel.page(chromium.browser)
        found = []
        for path in pages(panel):
            page.goto(path)
            found.append((page.title(), heading(page)))
        page.context.close()
        return found

    found = chromium.run(work)
    assert all(title.startswith(shown) for title, shown in found)
    assert len({title for title, _ in found}) == len(found)
