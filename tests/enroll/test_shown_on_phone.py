"""What an application says of a login, on the screen of a phone: decoded, and never as markup."""

from __future__ import annotations

import pytest

from tests.enroll.portal import Site
from tests.phone.chromium import Chromium, width_of

pytestmark = pytest.mark.peer("chromium")
INFO = "from=login%20portal&domain=example.com&note=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"


def test_an_applications_words_are_text(site: Site, chromium: Chromium) -> None:
    auth = site.host.client()
    link = auth.enroll(username="petra")["activation_url"]

    def work() -> tuple[str, int]:
        context = chromium.device(width=320)
        try:
            page = context.new_page()
            page.goto(link)
            page.locator(".line.open").wait_for()
            auth.auth(
                "push",
                username="petra",
                device="auto",
                async_txn=True,
                type="<i>Transfer</i>",
                display_username="Bob <b>B.</b>",
                pushinfo=INFO,
            )
            card = page.locator(".request")
            card.wait_for()
            text, foreign = card.inner_text(), card.locator("img, b, i").count()
            assert width_of(page) == 320
            page.get_by_role("button", name="Deny", exact=True).click()
            card.get_by_text("Nobody was signed in.").wait_for()
            return text, foreign
        finally:
            context.close()

    text, foreign = chromium.run(work)
    for part in ("login portal", "example.com", "<img src=x onerror=alert(1)>", "Transfer</i>", "Bob <b>B.</b>"):
        assert part in text, text
    assert foreign == 0
