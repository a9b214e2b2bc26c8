"""Messages, texts and invitations in the panel, over HTTP, with a mail server that receives."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING

import pytest

from authproxy.secondfactor.roles import Role
from tests.mail.mailserver import Mail, MailServer
from tests.panel.panelhost import Answer, Browser, PanelHost

if TYPE_CHECKING:
    from tests.phone.chromium import Chromium

MAY_REVEAL = (Role.OWNER, Role.ADMINISTRATOR, Role.USER_MANAGER, Role.HELP_DESK)
LINK = re.compile(r"https://localhost:\d+/enroll/[A-Za-z0-9]{20}")


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    made = MailServer("none")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory, server: MailServer) -> Iterator[PanelHost]:
    mail = f"[mail]\nhost=127.0.0.1\nport={server.port}\ntls=none\nfrom=mfa@firm.example\n"
    more = f"request_rate=0\npassword_rate=1000\n{mail}"
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", more).start()
    yield made
    made.stop()


def arrived(server: MailServer, to: str) -> Mail:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        for mail in server.mails:
            if mail.recipients == [to]:
                return mail
        time.sleep(0.05)
    raise AssertionError(f"no mail for {to} has come")


def invited(panel: PanelHost, server: MailServer, name: str) -> tuple[str, Mail]:
    """A user who was invited in the panel: the message's ID, and the mail."""
    panel.user(name, email=f"{name}@firm.example")
    panel.browser(Role.USER_MANAGER).submit("/admin/invitations/invite", {"name": name})
    mail = arrived(server, f"{name}@firm.example")
    return mail.message["Message-ID"][1:].partition("@")[0], mail


def frame_of(page: Answer) -> str:
    found = re.search(r'<iframe [^>]*src="([^"]*)"[^>]* sandbox>', page.html)
    assert found is not None
    return unescape(found[1])


def test_an_invitation_arrives_and_is_on_both_pages_and_on_record(panel: PanelHost, server: MailServer) -> None:
    message_id, mail = invited(panel, server, "nina")
    assert LINK.fullmatch(mail.link)
    browser = panel.browser(Role.READ_ONLY)
    page = browser.get("/admin/invitations?text=nina&state=open")
    assert "nina@firm.example" in page.text
    assert "Send again" not in page.text
    listed = browser.get("/admin/messages?text=nina@&kind=mail&purpose=enrollment")
    assert message_id in listed.text
    assert panel.last_change("enroll invite").actor == "admin:user-manager@example.com"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.BILLING])
def test_links_are_shown_to_who_may_issue_them_and_to_nobody_else(
    panel: PanelHost, server: MailServer, role: Role
) -> None:
    message_id, mail = invited(panel, server, f"reader-{role.name.lower().replace('_', '-')}")
    browser, path = panel.browser(role), f"/admin/messages/{message_id}"
    page = browser.get(path)
    assert "[not shown]" in page.text
    for answer in (page, browser.get(frame_of(page)), browser.get(f"{path}/html?key=0")):
        assert mail.link not in unescape(answer.html)
    revealed = browser.post(f"{path}/reveal")
    if role not in MAY_REVEAL:
        assert revealed.status == 403
        return
    framed = browser.get(frame_of(revealed))
    assert mail.link in revealed.text
    assert mail.link in unescape(framed.html)
    assert "data:image/png;base64," in framed.html
    assert panel.last_change("message reveal").object == message_id
    other = panel.browser(Role.READ_ONLY).get(frame_of(revealed))
    assert mail.link not in unescape(other.html)


def test_the_mail_is_framed_where_it_can_do_nothing(panel: PanelHost, server: MailServer) -> None:
    message_id, _ = invited(panel, server, "framed")
    browser = panel.browser()
    answer = browser.get(f"/admin/messages/{message_id}/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "default-src 'self'" in browser.get(f"/admin/messages/{message_id}").headers["content-security-policy"]
    assert browser.get("/admin/messages/DMNOBODY").status == 404


def test_names_in_mails_are_never_markup(panel: PanelHost, server: MailServer) -> None:
    user = panel.user("<b>x</b>", email="markup@firm.example")
    panel.browser().submit(f"/admin/users/{user.id}/invite")
    mail = arrived(server, "markup@firm.example")
    message_id = mail.message["Message-ID"][1:].partition("@")[0]
    browser = panel.browser()
    for path in (f"/admin/messages/{message_id}", f"/admin/messages/{message_id}/html", "/admin/invitations"):
        assert "<b>x" not in browser.get(path).html
    assert "<b>x" not in mail.html


def test_invitations_are_sent_again_withdrawn_and_made_for_all(panel: PanelHost, server: MailServer) -> None:
    browser = panel.browser(Role.USER_MANAGER)
    user = panel.user("again", email="again@firm.example")
    browser.submit("/admin/invitations/invite", {"name": "again"})
    first = arrived(server, "again@firm.example")
    server.mails.remove(first)
    browser.submit(f"/admin/invitations/{user.id}/resend")
    assert arrived(server, "again@firm.example").link == first.link
    assert "The link leads nowhere now" in browser.submit(f"/admin/invitations/{user.id}/withdraw").text
    answer = browser.post(f"/admin/invitations/{user.id}/resend")
    assert (answer.status, "was not invited" in answer.text) == (404, True)
    panel.user("many1", email="many1@firm.example")
    panel.user("many2", email="many2@firm.example")
    told = browser.submit("/admin/invitations/invite-all").text
    assert re.search(r"\d+ mails are on their way; 0 users could not be invited", told)
    assert arrived(server, "many1@firm.example").link != arrived(server, "many2@firm.example").link
    assert "mails are on their way" in browser.submit("/admin/invitations/resend-all").text


def test_the_help_desk_sends_no_invitations_unless_the_account_lets_it(panel: PanelHost) -> None:
    panel.user("deskless", email="deskless@firm.example")
    answer = panel.browser(Role.HELP_DESK).post("/admin/invitations/invite", {"name": "deskless"})
    assert answer.status == 400
    assert "your role may not send enrollment mails" in answer.text


def test_the_texts_of_mails_are_shown_with_made_up_values(panel: PanelHost) -> None:
    browser: Browser = panel.browser()
    assert "enrollment" in browser.get("/admin/mail-texts").text
    page = browser.get("/admin/mail-texts/fraud")
    assert "Fraud report: alice was asked" in page.text
    assert "<h1>Fraud report" in browser.get(frame_of(page)).html
    assert browser.get("/admin/mail-texts/nothing").status == 400


def test_the_link_leads_to_the_page_that_sets_up_a_device(panel: PanelHost, server: MailServer) -> None:
    _, mail = invited(panel, server, "walker")
    browser, path = panel.browser(None), mail.link.partition(str(panel.api.port))[2]
    page = browser.get(path)
    assert (page.status, "Set up your phone" in page.text) == (200, True)
    assert "tell your help desk that you got their mail" in page.text
    assert browser.post(f"{path}/begin").status == 303
    assert "Scan this with your phone" in browser.get(path).text


def test_people_from_a_file_are_invited_at_once_or_none_of_them(panel: PanelHost, server: MailServer) -> None:
    browser = panel.browser(Role.USER_MANAGER)
    wrong = b"username,email,phone\nbulk1,bulk1@firm.example,\nbulk2,,12\n"
    answer = browser.post("/admin/users/import", {"invite": "1"}, {"file": wrong})
    assert answer.status == 400
    assert "no mail address, to which a link could be sent" in answer.text
    assert "'12' is no phone number" in answer.text
    right = b"username,email,phone,groups\nbulk1,bulk1@firm.example,+1 555 555 0123,Staff; VPN\n"
    browser.submit("/admin/users/import", {"invite": "1"}, {"file": right})
    assert LINK.fullmatch(arrived(server, "bulk1@firm.example").link)
    assert "Staff" in browser.get("/admin/users?text=bulk1").text


def test_a_browser_shows_the_mail_in_its_frame_and_nothing_in_it_works(
    panel: PanelHost, server: MailServer, chromium: Chromium
) -> None:
    message_id, mail = invited(panel, server, "seen")
    chromium.run(lambda: look(panel, chromium, message_id, mail.link))


def look(panel: PanelHost, chromium: Chromium, message_id: str, link: str) -> None:
    from playwright.sync_api import expect

    from tests.phone.chromium import width_of

    page = panel.page(chromium.browser)
    try:
        page.goto(f"/admin/messages/{message_id}")
        frame = page.frame_locator("iframe.mail")
        frame.get_by_text("Hello seen").wait_for()
        expect(frame.get_by_role("link", name=link)).to_have_count(0)
        page.get_by_role("button", name="Show links and codes").click()
        frame.get_by_role("link", name=link).wait_for()
        frame.get_by_role("img", name="QR code").wait_for()
        assert page.evaluate("() => document.querySelector('iframe').contentDocument") is None
        page.set_viewport_size({"width": 320, "height": 800})
        assert width_of(page) <= 320
        for path in ("/admin/invitations", "/admin/messages"):
            page.goto(path)
            assert width_of(page) <= 320
    finally:
        page.context.close()
