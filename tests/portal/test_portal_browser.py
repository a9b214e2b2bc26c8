"""The portal as its users see it: Chromium, with a security key that the browser plays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from authproxy.secondfactor.devices import add_totp
from authproxy.secondfactor.login_search import LoginFilter, search_logins
from tests.enroll.portal import Site
from tests.peers.axe import violations
from tests.peers.zbar import read_qr
from tests.phone.chromium import Chromium, width_of
from tests.portal.people import Portal

_KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def told(page: Page, text: str) -> None:
    """Waits for the page that says it."""
    expect(page.locator(".told")).to_have_text(text)


def titled(page: Page, text: str) -> None:
    page.get_by_role("heading", level=1, name=text, exact=True).wait_for()


def opened(page: Page, name: str) -> Locator:
    """The card of the device called so, with what can be done to it in sight."""
    card = page.locator("section", has=page.get_by_role("heading", name=name))
    card.get_by_text("Rename or delete").click()
    return card


def rename(page: Page, old: str, new: str) -> None:
    card = opened(page, old)
    card.get_by_label("Name").fill(new)
    card.get_by_role("button", name="Rename").click()
    told(page, "Saved")


def delete(page: Page, name: str) -> None:
    opened(page, name).get_by_role("button", name=f"Delete {name} for good").click()


def test_a_phone_is_added_by_a_picture_and_deleted(portal: Portal, chromium: Chromium) -> None:
    def work() -> None:
        with portal.opened(chromium, "bob") as page:
            titled(page, "My devices")
            page.get_by_text("Phone or tablet", exact=True).click()
            page.get_by_label("Phone number").fill("+1 555 555 0111")
            page.locator("section", has_text="Add a device").get_by_label("A name for it").first.fill("New phone")
            page.get_by_role("button", name="Add", exact=True).click()
            page.get_by_role("heading", name="Scan this with your phone").wait_for()
            picture = page.locator(".code-picture").screenshot()
            assert portal.own("bob").phones[0].app == ""
            site = Site(portal.host)
            phone = site.activate(read_qr(picture))
            page.get_by_text("Your phone is set up, and was sent a test.").wait_for()
            assert portal.own("bob").phones[0].is_untested
            site.approve_test(phone)
            page.get_by_role("heading", name="New phone").wait_for()  # its script has led back
            expect(page.get_by_text("approves logins")).to_have_count(1)
            rename(page, "New phone", "Work phone")
            delete(page, "Work phone")
            told(page, "The phone was deleted")

    chromium.run(work)
    assert portal.own("bob").phones == []
    assert [row["actor"] for row in portal.audit("phone delete")] == ["user:bob"]


def test_a_phone_that_is_faster_than_the_pages_script_is_seen(portal: Portal, chromium: Chromium) -> None:
    def work() -> None:
        site = Site(portal.host)
        with portal.opened(chromium, "daemon") as page:
            held: list[Route] = []
            page.route("**/static/activate.js", lambda route: held.append(route))
            page.get_by_text("Phone or tablet", exact=True).click()
            page.get_by_label("What is it?").select_option("tablet")
            page.get_by_role("button", name="Add", exact=True).click()
            page.get_by_role("heading", name="Scan this with your phone").wait_for()
            site.approve_test(site.activate(read_qr(page.locator(".code-picture").screenshot())))
            while not held:
                page.evaluate("0")  # the browser goes on
            held[0].continue_()
            titled(page, "My devices")

    chromium.run(work)


def test_a_security_key_is_added_renamed_and_deleted(portal: Portal, chromium: Chromium) -> None:
    def work() -> None:
        with portal.opened(chromium, "alice") as page:
            session = page.context.new_cdp_session(page)
            session.send("WebAuthn.enable")
            session.send("WebAuthn.addVirtualAuthenticator", {"options": _KEY})
            page.get_by_text("Security key, fingerprint or face of this device").click()
            page.locator("#key-name").fill("Blue key")
            page.get_by_role("button", name="Add a security key").click()
            page.get_by_role("heading", name="Blue key").wait_for()
            told(page, "The security key was added")
            delete(page, "Blue key")
            told(page, "The security key was deleted")

    chromium.run(work)
    assert portal.own("alice").keys == []
    assert [row["actor"] for row in portal.audit("security key add")] == ["user:alice"]


def test_an_authenticator_app_is_renamed_and_deleted(portal: Portal, chromium: Chromium) -> None:
    with portal.host.database.writing() as connection:
        add_totp(connection, portal.host.users["bob"], portal.host.seeds, "My app")

    def work() -> None:
        with portal.opened(chromium, "bob") as page:
            rename(page, "My app", "Old app")
            delete(page, "Old app")
            told(page, "The authenticator app was deleted")

    chromium.run(work)
    assert [device.name for device in portal.own("bob").generators] == ["code generator"]
    assert [row["actor"] for row in portal.audit("device delete")] == ["user:bob"]


def test_a_phone_is_given_the_privacyidea_authenticator(portal: Portal, chromium: Chromium) -> None:
    portal.host.add_app("carol")

    def work() -> str:
        with portal.opened(chromium, "carol") as page:
            page.get_by_role("button", name="Activate").first.click()
            page.get_by_role("button", name="I use the privacyIDEA Authenticator").click()
            page.get_by_role("heading", name="Scan this with privacyIDEA Authenticator").wait_for()
            return read_qr(page.locator(".code-picture").screenshot())

    assert chromium.run(work).startswith("otpauth://pipush/")


def test_the_last_device_can_not_be_deleted(portal: Portal, chromium: Chromium) -> None:
    portal.host.add_app("erin")

    def work() -> str:
        with portal.opened(chromium, "erin") as page:
            page.get_by_role("heading", name="Tablet", exact=True).wait_for()  # it has no name: its ID is none
            page.get_by_text("Rename or delete").click()
            page.get_by_role("button", name="for good").click()
            titled(page, "That was not done")
            return page.locator(".problem").inner_text()

    assert "add another one first" in chromium.run(work)
    assert len(portal.own("erin").phones) == 1


def test_a_default_is_what_appliances_ask_first(portal: Portal, chromium: Chromium) -> None:
    portal.host.add_app("alice")
    second = portal.own("alice").phones[1].id

    def work() -> None:
        with portal.opened(chromium, "alice") as page:
            page.get_by_label("Unless I choose otherwise at a login").select_option(f"push:{second}")
            page.get_by_role("button", name="Save").click()
            told(page, "Saved")

    chromium.run(work)
    assert portal.own("alice").phones[0].id == second
    auth = portal.host.client()
    assert auth.preauth(username="alice")["devices"][0]["device"] == second


def test_recent_logins_can_be_quoted(portal: Portal, chromium: Chromium) -> None:
    code = portal.host.code("daemon")
    assert portal.host.client().auth("passcode", username="daemon", passcode=code)["result"] == "allow"

    def work() -> str:
        with portal.opened(chromium, "daemon") as page:
            return page.get_by_role("row").nth(1).inner_text()

    row = chromium.run(work)
    assert "let in" in row
    assert "auth" in row
    with portal.host.database.reading() as connection:
        assert search_logins(connection, LoginFilter(names=("daemon",)), 1).rows[0].login_id in row


def test_logging_out_ends_it(portal: Portal, chromium: Chromium) -> None:
    def work() -> None:
        with portal.opened(chromium, "alice") as page:
            page.get_by_role("button", name="Log out").click()
            titled(page, "You are logged out")
            page.goto(f"{portal.url}/portal/")
            assert "/portal/login" in page.url

    chromium.run(work)


def test_no_page_is_wider_than_a_small_phone(portal: Portal, chromium: Chromium) -> None:
    def work() -> int:
        with portal.opened(chromium, "alice", 320) as page:
            return width_of(page)

    assert chromium.run(work) == 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(portal: Portal, chromium: Chromium, scheme: str) -> None:
    def work() -> list[str]:
        with portal.opened(chromium, "alice", scheme=scheme) as page:
            for details in page.locator("details").all():
                details.evaluate("each => each.open = true")
            home = violations(page)
            page.get_by_label("Phone number").fill("+1 555 555 0122")
            page.get_by_role("button", name="Add", exact=True).click()
            page.get_by_role("heading", name="Scan this with your phone").wait_for()
            scan = violations(page)
            page.context.clear_cookies()
            page.goto(f"{portal.url}/portal/login")
            return [*home, *scan, *violations(page)]

    assert chromium.run(work) == []
