"""The prompt in a real browser: pushes that end by themselves, security keys, small, dark, by keyboard, light."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page

from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.users import add_user
from authproxy.store import tables
from tests.enroll.portal import Site
from tests.peers.axe import violations
from tests.peers.zbar import read_qr
from tests.phone.chromium import Chromium, width_of
from tests.prompt.demo import Demo, quietly
from tests.web.apihost import ApiHost

pytestmark = pytest.mark.peer("chromium")
CHOOSING = "How do you want to log in?"
_APP = b"<!doctype html><title>app</title><h1>Back at the application</h1>"
_INTERNAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Tab:
    """A browser at the prompt. ``state``: of the application."""

    page: Page
    demo: Demo
    said: list[str]

    def heading(self, text: str) -> None:
        self.page.get_by_role("heading", name=text, level=1).wait_for()

    def press(self, name: str) -> None:
        self.page.wait_for_load_state()  # buttons for security keys want their script
        self.page.get_by_role("button", name=name).click()

    def excuse(self, status: int) -> None:
        """What the console says of an answer that was meant to come."""
        while not self.said:
            self.page.wait_for_event("console")
        assert all(f"status of {status}" in line for line in self.said), self.said
        self.said.clear()

    def alert(self, text: str) -> None:
        self.page.get_by_role("alert").filter(has_text=text).wait_for()

    def go(self, username: str, **more: Any) -> None:
        self.page.goto(quietly(self.demo.client().create_auth_url, username, "s" * 36, **more))

    def result(self, username: str) -> dict[str, Any]:
        """Once the browser is back at the application."""
        self.heading("Back at the application")
        query = parse_qs(urlsplit(self.page.url).query)
        assert self.page.url.startswith(self.demo.callback)
        assert query["state"] == ["s" * 36]
        return self.demo.result(query["duo_code"][0], username)

    def key(self, **options: Any) -> tuple[CDPSession, str]:
        """A security key in this browser, and its ID."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        made = session.send("WebAuthn.addVirtualAuthenticator", {"options": {**_INTERNAL, **options}})
        return session, str(made["authenticatorId"])


@contextmanager
def tab(chromium: Chromium, demo: Demo, **device: Any) -> Iterator[Tab]:
    """In the browser's thread. Whatever the page says to the console fails the test."""
    context: BrowserContext = chromium.device(**device)
    try:
        page = context.new_page()
        opened = Tab(page, demo, [])
        page.on("console", lambda message: opened.said.append(message.text))
        page.on("pageerror", lambda error: opened.said.append(str(error)))
        yield opened
        assert opened.said == []
    finally:
        context.close()


class _Application(BaseHTTPRequestHandler):
    """Where the prompt leads back to."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_APP)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def callback() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/cb"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def demo(host: ApiHost, callback: str) -> Demo:
    return Demo.make(host, "web", callback, policy={"new_user_policy": "enroll"})


@pytest.fixture(autouse=True)
def unlocked(host: ApiHost) -> None:
    host.unlock()


def within(chromium: Chromium, demo: Demo, work: Callable[[Tab], Any], **device: Any) -> Any:
    def run() -> Any:
        with tab(chromium, demo, **device) as opened:
            return work(opened)

    return chromium.run(run)


# ---------------------------------------------------------------- pushes and passcodes


def test_an_approved_push_leads_back_by_itself(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> dict[str, Any]:
        opened.go("alice")
        opened.heading(CHOOSING)
        opened.press("Send a push to XXX-XXX-0100")
        opened.heading("Look at your phone")
        opened.page.get_by_role("status").filter(has_text="Approve it there").wait_for()
        demo.host.answer_push(PushStatus.APPROVED)
        return opened.result("alice")

    assert within(chromium, demo, work)["auth_context"]["factor"] == "duo_push"


def test_a_denied_push_says_so_and_another_way_is_chosen(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> dict[str, Any]:
        opened.go("alice")
        opened.press("Send a push to XXX-XXX-0100")
        opened.heading("Look at your phone")
        demo.host.answer_push(PushStatus.DENIED)
        opened.alert("Login request denied.")
        opened.page.get_by_label("Passcode").fill(demo.host.code("alice"))
        opened.press("Log in")
        return opened.result("alice")

    assert within(chromium, demo, work)["auth_context"]["factor"] == "passcode"


def test_a_number_is_typed_on_the_phone(chromium: Chromium, host: ApiHost, callback: str) -> None:
    demo = Demo.make(host, "verified in a browser", callback, policy={"verified_push": True})

    def work(opened: Tab) -> dict[str, Any]:
        opened.go("alice")
        opened.press("Send a push to XXX-XXX-0100")
        opened.heading("Enter this number on your phone")
        number = opened.page.locator("output").inner_text()
        host.answer_push(PushStatus.APPROVED, entered=number)
        return opened.result("alice")

    assert within(chromium, demo, work)["auth_context"]["factor"] == "duo_push"


def test_by_keyboard_alone(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> dict[str, Any]:
        opened.go("bob")
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.textContent") == "Skip to content"
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.name") == "passcode"
        opened.page.keyboard.type(demo.host.code("bob"))
        opened.page.keyboard.press("Enter")
        return opened.result("bob")

    assert within(chromium, demo, work)["auth_context"]["factor"] == "passcode"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_for_everybody_and_no_wider_than_a_small_screen(
    chromium: Chromium, host: ApiHost, callback: str, scheme: str
) -> None:
    """axe-core finds nothing on any of them."""
    name = f"a_rather.long-{scheme}-name-of-a-user-without-any-space-in-it"
    policy = {"new_user_policy": "enroll", "verified_push": True, "remember_days": 30}
    demo = Demo.make(host, f"an application for everybody, {scheme}", callback, policy=policy)

    def work(opened: Tab) -> list[tuple[int, list[str]]]:
        found = []

        def look(title: str) -> None:
            opened.heading(title)
            found.append((width_of(opened.page), violations(opened.page)))

        opened.key()
        opened.go(name)
        look("Set up a second factor")
        opened.press("Set up a phone or tablet")
        look("Scan this with your phone")
        opened.go(f"{name}-too")  # the same one's prompt of the same second would wait for the phone as well
        opened.press("Set up a security key")
        look(CHOOSING)
        opened.go("alice")
        opened.page.get_by_label("Passcode").fill("000000")
        opened.press("Log in")
        opened.alert("Incorrect passcode.")
        look(CHOOSING)
        opened.press("Send a push to XXX-XXX-0100")
        look("Enter this number on your phone")
        opened.press("Choose another way")
        opened.page.get_by_label("Passcode").fill(host.code("alice"))
        opened.press("Log in")
        look("Is this your own device?")
        opened.go("dave")
        look("You can not log in")
        opened.excuse(403)
        opened.page.goto(f"https://localhost:{host.port}/prompt/0")
        look("This login is over")
        opened.excuse(410)
        return found

    assert within(chromium, demo, work, scheme=scheme, width=320, height=568) == [(320, [])] * 8


def test_the_page_weighs_less_than_60_kb(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> float:
        session = opened.page.context.new_cdp_session(opened.page)
        session.send("Network.enable")
        loaded: list[float] = []
        session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
        opened.go("alice")
        opened.heading(CHOOSING)
        opened.page.wait_for_load_state("networkidle")
        assert len(loaded) >= 2
        return sum(loaded)

    assert 2_000 < within(chromium, demo, work) < 60_000


# ---------------------------------------------------------------- first devices


def test_a_newcomer_scans_a_code_and_goes_on(chromium: Chromium, demo: Demo) -> None:
    site = Site(demo.host)

    def work(opened: Tab) -> dict[str, Any]:
        opened.go("nora")
        opened.press("Set up a phone or tablet")
        opened.heading("Scan this with your phone")
        picture = opened.page.get_by_role("img", name="QR code that sets up a phone")
        phone = site.activate(read_qr(picture.screenshot()))
        opened.heading("Answer the test on your device")
        site.approve_test(phone)
        opened.heading(CHOOSING)
        opened.press("Send a push to")
        opened.heading("Look at your phone")
        demo.host.answer_push(PushStatus.APPROVED)
        return opened.result("nora")

    assert within(chromium, demo, work)["auth_context"]["factor"] == "duo_push"


@pytest.mark.parametrize("transport", ["internal", "usb"])
def test_a_newcomer_sets_up_a_security_key_and_logs_in_with_it(
    chromium: Chromium, demo: Demo, transport: str
) -> None:
    name = f"nils-{transport}"

    def work(opened: Tab) -> dict[str, Any]:
        opened.key(transport=transport)
        opened.go(name)
        opened.press("Set up a security key")
        opened.heading(CHOOSING)
        opened.page.get_by_role("status").filter(has_text="Your security key is set up.").wait_for()
        opened.press("Use a security key, fingerprint or face")
        return opened.result(name)

    token = within(chromium, demo, work)
    assert (token["auth_context"]["factor"], token["auth_context"]["auth_device"]["name"]) == (
        "security_key",
        "Security key",
    )


# ---------------------------------------------------------------- security keys that prove nothing


def register(opened: Tab, name: str) -> tuple[CDPSession, str]:
    """The key of a new user of that name, set up in the prompt."""
    session, key = opened.key()
    opened.go(name)
    opened.press("Set up a security key")
    opened.heading(CHOOSING)
    return session, key


def refused(opened: Tab, text: str) -> None:
    opened.press("Use a security key, fingerprint or face")
    opened.alert(text)
    opened.heading(CHOOSING)


def test_a_signature_that_is_wrong_leads_nowhere(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> None:
        session, key = register(opened, "olaf")
        bogus = {"authenticatorId": key, "isBogusSignature": True}
        session.send("WebAuthn.setResponseOverrideBits", bogus)
        refused(opened, "The security key could not be checked.")
        session.send("WebAuthn.setResponseOverrideBits", {**bogus, "isBogusSignature": False})
        opened.press("Use a security key, fingerprint or face")
        opened.result("olaf")

    within(chromium, demo, work)


def test_a_key_that_was_copied_is_found_out(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> None:
        register(opened, "otto")
        with demo.host.database.writing() as connection:
            connection.execute(tables.security_keys.update().values(sign_count=1_000))
        refused(opened, "This security key can't be trusted any more.")

    within(chromium, demo, work)


def test_a_key_of_somebody_else_is_refused(chromium: Chromium, demo: Demo) -> None:
    def work(opened: Tab) -> None:
        register(opened, "oona")
        with demo.host.database.writing() as connection:
            other = add_user(connection, "omar", "simple")
            connection.execute(tables.security_keys.update().values(user_id=other.id))
        opened.press("Use a security key, fingerprint or face")
        opened.page.get_by_role("status").filter(has_text="No key answered.").wait_for()

    within(chromium, demo, work)


def test_a_key_is_not_asked_by_another_site(chromium: Chromium, demo: Demo) -> None:
    """The browser itself refuses, and so does the service, should a browser not."""

    def work(opened: Tab) -> str:
        register(opened, "oleg")
        options = opened.page.evaluate(
            """async () => {
              const body = new URLSearchParams(new FormData(document.querySelector("form[data-webauthn]")));
              return (await fetch(`${location.pathname}/key`, {method: "POST", body})).json();
            }"""
        )
        opened.page.goto(demo.callback.replace("localhost", "127.0.0.1"))
        return str(
            opened.page.evaluate(
                """async (options) => {
                  const key = {...options, challenge: new Uint8Array(32), allowCredentials: []};
                  try { await navigator.credentials.get({publicKey: key}); return "answered"; }
                  catch (error) { return error.name; }
                }""",
                options["publicKey"],
            )
        )

    assert within(chromium, demo, work) == "SecurityError"


def test_a_user_who_is_not_verified_is_refused_where_the_policy_wants_it(
    chromium: Chromium, host: ApiHost, callback: str
) -> None:
    policy = {"new_user_policy": "enroll", "user_verification": "required"}
    demo = Demo.make(host, "verifying", callback, policy=policy)

    def work(opened: Tab) -> None:
        session, key = register(opened, "odin")
        session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
        opened.press("Use a security key, fingerprint or face")
        opened.page.get_by_role("status").filter(has_text="No key answered.").wait_for()
        session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
        opened.press("Use a security key, fingerprint or face")
        opened.result("odin")

    within(chromium, demo, work)


# ---------------------------------------------------------------- remembered


def test_a_browser_is_remembered(chromium: Chromium, host: ApiHost, callback: str) -> None:
    demo = Demo.make(host, "remembering in a browser", callback, policy={"remember_days": 30})

    def work(opened: Tab) -> dict[str, Any]:
        opened.go("bob")
        opened.page.get_by_label("Passcode").fill(host.code("bob"))
        opened.press("Log in")
        opened.heading("Is this your own device?")
        opened.press("Yes, remember this browser")
        opened.result("bob")
        opened.go("bob")
        return opened.result("bob")

    assert within(chromium, demo, work)["auth_context"]["factor"] == "remembered_device"


def test_without_scripts_the_page_asks_by_itself(chromium: Chromium, demo: Demo) -> None:
    def work() -> str:
        context = chromium.browser.new_context(ignore_https_errors=True, java_script_enabled=False)
        try:
            opened = Tab(context.new_page(), demo, [])
            opened.go("alice")
            opened.press("Send a push to XXX-XXX-0100")
            opened.heading("Look at your phone")
            demo.host.answer_push(PushStatus.APPROVED)
            opened.heading("Back at the application")
            return opened.page.url
        finally:
            context.close()

    assert chromium.run(work).startswith(demo.callback)
