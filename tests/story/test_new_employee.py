"""A new employee, from nothing to a second phone: all in browsers, but for the gateway and the directory."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.panel import people
from tests.peers.slapd import Slapd
from tests.peers.zbar import read_qr
from tests.phone.chromium import Chromium
from tests.story.firm import Firm

NAME, PASSWORD = "user0001", "pw-0001"
_KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    folder = tmp_path_factory.mktemp("firm")
    with Slapd(folder / "slapd", users=3) as slapd, Firm.at_work(folder / "proxy", slapd) as firm:
        yield firm


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    browser = Chromium()
    yield browser
    browser.stop()


def heading(page: Page, name: str) -> None:
    page.get_by_role("heading", level=1, name=name).wait_for()


def press(page: Page, name: str) -> None:
    page.wait_for_load_state()  # buttons for security keys want their script
    page.get_by_role("button", name=name, exact=True).click()


def scanned(page: Page) -> str:
    picture = page.locator(".code-picture")
    picture.wait_for()
    return read_qr(picture.screenshot())


def phone_of(chromium: Chromium, link: str) -> Page:
    """A new phone, on which the link of a QR code was opened."""
    phone = chromium.device().new_page()
    phone.goto(link)
    phone.locator(".account").wait_for()
    phone.locator(".line.open").wait_for()
    return phone


def approve(phone: Page) -> None:
    press(phone, "Approve")
    phone.get_by_role("button", name="Approve", exact=True).wait_for(state="detached")


def vpn(firm: Firm, phone: Page) -> str:
    with firm.vpn(NAME, PASSWORD) as replies:
        approve(phone)
    return replies[0].code


def into_portal(firm: Firm, laptop: Page) -> None:
    """As far as the prompt."""
    laptop.goto(f"{firm.url}/portal/")
    laptop.get_by_label("User name").fill(NAME)
    laptop.get_by_label("Password").fill(PASSWORD)
    press(laptop, "Continue")


def help_desk(firm: Firm, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f"{firm.url}/admin/login")
    page.get_by_label("Mail address").fill(firm.help_desk.email)
    page.get_by_label("Password").fill(people.PASSWORD)
    page.locator("main button").first.click()
    page.locator("input[name=code]").fill(people.code_of(firm.help_desk, time.time(), seeds=firm.seeds))
    page.locator("form:has(input[name=code]) button").click()
    page.get_by_role("searchbox").fill(NAME)
    press(page, "Find")
    heading(page, NAME)
    return page


def test_a_new_employee_from_nothing(firm: Firm, chromium: Chromium) -> None:
    firm.daemon.command("sync", "add", "staff", "--kind", "openldap", "--client", "ad_client", "--invite")
    firm.daemon.command("sync", "run", "staff")
    mail = firm.mail_to(f"{NAME}@example.test")

    def work() -> None:
        laptop = chromium.device(width=1280, height=900).new_page()
        laptop.goto(mail.link)
        heading(laptop, "Set up your phone")
        press(laptop, "Begin")
        phone = phone_of(chromium, scanned(laptop))
        heading(laptop, "Answer the test on your device")
        approve(phone)
        heading(laptop, "Your phone is ready")

        assert vpn(firm, phone) == "Access-Accept"

        into_portal(firm, laptop)
        laptop.get_by_role("button", name="Send a push").click()
        approve(phone)
        heading(laptop, "My devices")
        session = laptop.context.new_cdp_session(laptop)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": _KEY})
        laptop.get_by_text("Security key, fingerprint or face of this device").click()
        laptop.locator("#key-name").fill("Key ring")
        press(laptop, "Add a security key")
        laptop.get_by_role("heading", name="Key ring").wait_for()
        press(laptop, "Log out")
        heading(laptop, "You are logged out")

        desk = help_desk(firm, chromium.device(width=1280, height=900))
        desk.get_by_role("link", name="Lost or stolen").click()
        desk.get_by_label("A bypass code, for the time being").check()
        press(desk, "Delete the phone")
        press(desk, "Make a bypass code")
        code = desk.locator(".secret").inner_text()

        into_portal(firm, laptop)
        laptop.get_by_label("Passcode").fill(code)
        press(laptop, "Log in")
        heading(laptop, "My devices")
        laptop.get_by_text("Phone or tablet", exact=True).click()
        laptop.get_by_label("What is it?").select_option("tablet")
        press(laptop, "Add")
        second = phone_of(chromium, scanned(laptop))
        approve(second)  # its test
        heading(laptop, "My devices")

        assert vpn(firm, second) == "Access-Accept"

    chromium.run(work)
