"""The enrollment page in a real browser: scanned, opened, small, dark, by keyboard, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.enroll.portal import Site
from tests.peers.zbar import read_qr
from tests.phone.chromium import Chromium, width_of

pytestmark = pytest.mark.peer("chromium")


@contextmanager
def opened(chromium: Chromium, url: str, **device: object) -> Iterator[Page]:
    """In the browser's thread. Whatever the page says to the console fails the test."""
    context = chromium.device(**device)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(url)
        yield page
        assert said == []
    finally:
        context.close()


def heading(page: Page, text: str) -> None:
    page.get_by_role("heading", name=text, level=1).wait_for()


def begin(page: Page) -> None:
    page.get_by_role("button", name="Begin").click()
    heading(page, "Scan this with your phone")


def waits(page: Page) -> None:
    """Until its script says that it waits for the phone."""
    page.get_by_role("status").filter(has_text="Waiting for your phone…").wait_for()


def scanned(page: Page) -> str:
    picture = page.get_by_role("img", name="QR code that sets up a phone for")
    return read_qr(picture.screenshot())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_is_scanned_and_the_page_sees_the_phone_answer(
    site: Site, chromium: Chromium, scheme: str
) -> None:
    url = site.portal(f"una-{scheme}")

    def work() -> str:
        with opened(chromium, url, scheme=scheme, width=1280, height=900) as page:
            begin(page)
            waits(page)
            phone = site.activate(scanned(page))
            heading(page, "Answer the test on your device")
            site.approve_test(phone)
            heading(page, "Your phone is ready")
            page.reload()
            heading(page, "Your phone is ready")
            return page.url

    assert chromium.run(work) == url


def test_on_the_phone_itself_a_link_sets_it_up(site: Site, chromium: Chromium) -> None:
    url = site.portal("ulla")

    def work() -> str:
        with opened(chromium, url) as page:
            begin(page)
            page.get_by_role("link", name="Set up this device").click()
            page.locator(".account").wait_for()
            page.locator(".request").get_by_role("button", name="Approve", exact=True).click()
            page.get_by_text("Nothing to approve").wait_for()
            page.goto(url)
            heading(page, "Your phone is ready")
            return page.locator("main").inner_text()

    assert "ulla" in chromium.run(work)


def test_the_authenticators_code_is_another_one(site: Site, chromium: Chromium) -> None:
    url = site.portal("umar")

    def work() -> tuple[str, str]:
        with opened(chromium, url) as page:
            begin(page)
            first = scanned(page)
            page.get_by_role("link", name="Show the code for it").click()
            heading(page, "Scan this with privacyIDEA Authenticator")
            second = scanned(page)
            page.get_by_role("link", name="Use the browser of your phone").click()
            heading(page, "Scan this with your phone")
            assert scanned(page) == first
            return first, second

    first, second = chromium.run(work)
    assert first.startswith(f"{site.phones.url}/phone/activate#")
    assert second.startswith("otpauth://pipush/umar?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_small_screen(site: Site, chromium: Chromium, scheme: str) -> None:
    url = site.portal(f"a_rather.long-{scheme}-name-of-a-user-without-any-space-in-it")

    def work() -> list[int]:
        with opened(chromium, url, scheme=scheme, width=320, height=568) as page:
            widths = [width_of(page)]
            begin(page)
            widths.append(width_of(page))
            page.goto(f"{url}?app=authenticator")
            widths.append(width_of(page))
            scanned(page)
            page.goto(f"{url}")
            phone = site.activate(scanned(page))
            heading(page, "Answer the test on your device")
            widths.append(width_of(page))
            site.approve_test(phone)
            heading(page, "Your phone is ready")
            return [*widths, width_of(page)]

    assert chromium.run(work) == [320] * 5


def test_by_keyboard_alone_and_read_aloud(site: Site, chromium: Chromium) -> None:
    url = site.portal("uwe")

    def focus(page: Page, name: str) -> None:
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                return
        raise AssertionError(f"{name} can't be reached")

    def work() -> None:
        with opened(chromium, url) as page:
            assert page.title() == "Set up your phone"
            assert page.locator("html").get_attribute("lang") == "en"
            focus(page, "Begin")
            page.keyboard.press("Enter")
            heading(page, "Scan this with your phone")
            waits(page)
            assert not page.get_by_text("I have done this").is_visible()  # it looks by itself
            focus(page, "Set up this device")

    chromium.run(work)


def test_without_scripts_a_link_looks_again(site: Site, chromium: Chromium) -> None:
    url = site.portal("urs")

    def work() -> None:
        context = chromium.browser.new_context(java_script_enabled=False, ignore_https_errors=True)
        try:
            page = context.new_page()
            page.goto(url)
            begin(page)
            check = page.get_by_role("link", name="I have done this")
            check.click()
            heading(page, "Scan this with your phone")
            phone = site.activate(scanned(page))
            check.click()
            heading(page, "Answer the test on your device")
            site.approve_test(phone)
            check.click()
            heading(page, "Your phone is ready")
        finally:
            context.close()

    chromium.run(work)


def test_a_wrong_link_is_a_friendly_page(site: Site, chromium: Chromium) -> None:
    def work() -> str:
        context = chromium.device()
        try:
            page = context.new_page()
            page.goto(f"{site.phones.url}/enroll/nonsense")
            heading(page, "This link does not work any more")
            return page.locator("main").inner_text()
        finally:
            context.close()

    assert "you are shown a new link" in chromium.run(work)
