"""The phone's app in a real browser, in front of the real daemon: activated by its link, then asked by logins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.phone.chromium import Chromium, width_of
from tests.phone.phonehost import PhoneHost

pytestmark = pytest.mark.peer("chromium")


@contextmanager
def opened(chromium: Chromium, *links: str, **device: object) -> Iterator[Page]:
    """In the browser's thread: the app of a device with the accounts of these links. Whatever the page says to the
    console fails the test."""
    context = chromium.device(**device)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for count, link in enumerate(links, 1):
            page.goto("about:blank")
            page.goto(link)
            page.locator(".account").nth(count - 1).wait_for()
        page.locator(".line.open").wait_for()
        yield page
        assert said == []
    finally:
        context.close()


def told(page: Page, text: str) -> None:
    """Waits until a request's card says it."""
    page.locator(".request").get_by_text(text).wait_for()


def passcode(page: Page) -> str:
    """The account's, once its script has made it."""
    return page.locator(".passcode:not(:empty)").inner_text().replace(" ", "")


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_login_waits_for_approve_and_shows_what_is_approved(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> tuple[str, str]:
        with opened(chromium, host.link("alice")) as page, host.login("alice") as replies:
            card = page.locator(".request")
            card.wait_for()
            text = card.inner_text()
            click(page, "Approve")
            told(page, "You are being signed in.")
        return replies[0].code, text

    code, text = chromium.run(work)
    assert code == "Access-Accept"
    assert "alice" in text
    assert "radius_server_auto" in text
    assert "198.51.100.7" in text


def test_a_german_browser_is_spoken_to_in_german(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> tuple[str, str, int]:
        device = {"locale": "de-DE", "width": 320, "height": 568}
        with opened(chromium, host.link("gerda"), **device) as page, host.login("gerda") as replies:
            page.get_by_role("heading", name="Melden Sie sich gerade an?").wait_for()
            page.get_by_text("Mehr", exact=True).click()
            width = width_of(page)
            said = page.locator("html").get_attribute("lang") or ""
            click(page, "Bestätigen")
            told(page, "Sie werden angemeldet.")
        return replies[0].code, said, width

    assert chromium.run(work) == ("Access-Accept", "de", 320)


def test_the_link_leaves_no_code_in_the_address(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> str:
        with opened(chromium, host.link("alva")) as page:
            return page.url

    assert chromium.run(work) == f"{host.url}/phone/"


def test_deny_rejects_the_login(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> str:
        with opened(chromium, host.link("dora")) as page, host.login("dora", "auto") as replies:
            click(page, "Deny")
            told(page, "Nobody was signed in.")
        return replies[0].code

    assert chromium.run(work) == "Access-Reject"
    assert host.why("dora") == "push denied"


def test_this_was_not_me_rejects_the_login_and_is_recorded_as_fraud(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> str:
        with opened(chromium, host.link("frank")) as page, host.login("frank") as replies:
            page.on("dialog", lambda dialog: dialog.accept())
            click(page, "This wasn't me")
            told(page, "your administrators were told")
        return replies[0].code

    assert chromium.run(work) == "Access-Reject"
    assert host.why("frank") == "push reported as fraud"
    audited = "SELECT count(*) FROM audit WHERE action = 'fraud report' AND object = 'frank'"
    assert host.wait_for(lambda: host.value(audited)) == 1


def test_the_right_number_approves_and_a_wrong_one_denies(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> list[str]:
        codes = []
        with opened(chromium, host.link("nora")) as page:
            for is_right in (True, False):
                asked = host.ask_number("nora")
                shown = asked.attributes["Reply-Message"][0].split("Pick ")[1][:2]
                page.locator(".numbers").wait_for()
                offered = page.locator("button.number").all_inner_texts()
                assert len(offered) == 3
                assert shown in offered
                click(page, shown if is_right else next(each for each in offered if each != shown))
                text = "You are being signed in." if is_right else "That was not the number."
                told(page, text)
                click(page, "Close")
                codes.append(host.reply(asked, "nora", "OK").code)
        return codes

    assert chromium.run(work) == ["Access-Accept", "Access-Reject"]


def test_two_accounts_live_on_one_device_and_each_answers_for_itself(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> tuple[str, str]:
        with opened(chromium, host.link("gwen"), host.link("hugo")) as page:
            with host.login("gwen") as first:
                page.locator(".request").get_by_text("gwen").wait_for()
                click(page, "Approve")
            click(page, "Close")
            with host.login("hugo") as second:
                page.locator(".request").get_by_text("hugo").wait_for()
                click(page, "Deny")
        return first[0].code, second[0].code

    assert chromium.run(work) == ("Access-Accept", "Access-Reject")


_FIRST_LOOK_IS_LATE = """
const real = window.fetch;
let isFirst = true;
window.fetch = async (url, ...rest) => {
  const answer = await real(url, ...rest);
  if (!String(url).endsWith("/pushes") || !isFirst) return answer;
  isFirst = false;
  const said = await answer.json();
  await new Promise((go) => { window.lateGoes = go; });
  answer.json = async () => {
    setTimeout(() => { window.lateCame = true; }); // when all that follows at once has been done
    return said;
  };
  return answer;
};
"""


def test_an_answer_that_was_overtaken_takes_no_request_away(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> str:
        context = chromium.device()
        try:
            page = context.new_page()
            page.goto(host.link("otto"))
            page.locator(".account").wait_for()
            page.add_init_script(_FIRST_LOOK_IS_LATE)
            page.reload()
            # Not before: or the login's event would be the first look.
            host.wait_for(lambda: page.evaluate("Boolean(window.lateGoes)"))
            with host.login("otto") as replies:
                page.locator(".request").wait_for()
                page.evaluate("window.lateGoes()")
                host.wait_for(lambda: page.evaluate("Boolean(window.lateCame)"))
                click(page, "Approve")
            return replies[0].code
        finally:
            context.close()

    assert chromium.run(work) == "Access-Accept"


def test_the_passcode_shown_lets_its_user_in_once(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> str:
        with opened(chromium, host.link("petra")) as page:
            return passcode(page)

    code = chromium.run(work)
    assert host.appliance().login("petra", code).code == "Access-Accept"
    assert host.appliance().login("petra", code).code == "Access-Reject"


def test_a_phone_whose_clock_is_an_hour_off_works_and_the_help_desk_can_see_it(
    host: PhoneHost, chromium: Chromium
) -> None:
    def work() -> tuple[str, str]:
        context = chromium.device()
        try:
            page = context.new_page()
            page.add_init_script("const real = Date.now; Date.now = () => real() + 3_600_000;")
            page.goto(host.link("carla"))
            page.locator(".line.open").wait_for()
            with host.login("carla") as replies:
                click(page, "Approve")
            return replies[0].code, passcode(page)
        finally:
            context.close()

    code, shown = chromium.run(work)
    assert code == "Access-Accept"
    assert host.appliance().login("carla", shown).code == "Access-Accept"
    query = (
        "SELECT clock_offset FROM phone_apps JOIN phone_users USING (phone_id) JOIN users ON users.id = user_id"
        " WHERE username = 'carla'"
    )
    assert 3500 < host.wait_for(lambda: host.value(query)) < 3700


def test_a_used_link_is_refused_with_a_reason(host: PhoneHost, chromium: Chromium) -> None:
    link = host.link("ulla")

    def work() -> str:
        with opened(chromium, link):
            pass
        context = chromium.device()
        try:
            page = context.new_page()
            page.goto(link)
            problem = page.locator("#add .problem:not(:empty)")
            problem.wait_for()
            return problem.inner_text()
        finally:
            context.close()

    assert "used" in chromium.run(work)


def test_a_test_request_comes_and_an_account_can_be_removed(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> None:
        with opened(chromium, host.link("tess")) as page:
            page.get_by_text("More", exact=True).click()
            click(page, "Send a test request")
            page.get_by_role("heading", name="Test request").wait_for()
            click(page, "Approve")
            click(page, "Close")
            page.on("dialog", lambda dialog: dialog.accept())
            click(page, "Remove from this device")
            page.locator("#code").wait_for()

    chromium.run(work)
    left = (
        "SELECT count(*) FROM devices JOIN device_users ON device_id = devices.id JOIN users ON users.id = user_id"
    )
    assert host.value(f"{left} WHERE username = 'tess'") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_small_screen(host: PhoneHost, chromium: Chromium, scheme: str) -> None:
    name = f"a_rather.long-{scheme}@user-name.example"

    def work() -> tuple[int, str]:
        with opened(chromium, host.link(name), scheme=scheme, width=320, height=568) as page:
            host.ask_number(name)
            page.locator(".numbers").wait_for()
            page.get_by_text("More", exact=True).click()
            width = width_of(page)
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            click(page, "Deny")
        return width, ground

    width, ground = chromium.run(work)
    assert width == 320
    assert ground == {"light": "rgb(244, 246, 248)", "dark": "rgb(16, 21, 27)"}[scheme]


def test_a_push_is_answered_with_the_keyboard_alone(host: PhoneHost, chromium: Chromium) -> None:
    def work() -> str:
        with opened(chromium, host.link("kira")) as page, host.login("kira") as replies:
            page.locator(".request").wait_for()
            for _ in range(20):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.textContent") == "Approve":
                    break
            page.keyboard.press("Enter")
            told(page, "You are being signed in.")
            assert page.evaluate("document.activeElement.textContent") == "Approved"  # read out next
        return replies[0].code

    assert chromium.run(work) == "Access-Accept"


def test_the_service_worker_serves_the_app_without_a_network_and_shows_what_is_asked(
    host: PhoneHost, chromium: Chromium
) -> None:
    def work() -> tuple[str, list[str], str]:
        context = chromium.device()
        try:
            page = context.new_page()
            page.goto(host.link("sven"))
            page.locator(".line.open").wait_for()
            state = page.evaluate("navigator.serviceWorker.ready.then((ready) => ready.active.state)")
            tell = context.new_cdp_session(page)
            registrations: list[str] = []
            tell.on(
                "ServiceWorker.workerRegistrationUpdated",
                lambda event: registrations.extend(each["registrationId"] for each in event["registrations"]),
            )
            tell.send("ServiceWorker.enable")
            with host.login("sven"):
                page.locator(".request").wait_for()
                assert host.wait_for(lambda: page.evaluate("1") and registrations)
                push = page.locator(".request").get_attribute("data-push")
                tell.send(
                    "ServiceWorker.deliverPushMessage",
                    {"origin": host.url, "registrationId": registrations[0], "data": f'{{"push":"{push}"}}'},
                )
                shown = "navigator.serviceWorker.ready.then((ready) => ready.getNotifications())"
                bodies = host.wait_for(
                    lambda: page.evaluate(f"{shown}.then((all) => all.map((each) => each.body))")
                )
                click(page, "Approve")
            context.set_offline(True)
            page.reload()
            return state, bodies, passcode(page)
        finally:
            context.close()

    state, bodies, code = chromium.run(work)
    assert state in ("activated", "activating")
    assert bodies == ["sven at radius_server_auto"]
    assert len(code) == 6
    assert host.value("SELECT delivered_at FROM pushes WHERE username = 'sven'") is not None
